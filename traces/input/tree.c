/* Compiled to record the C compiler: a balanced tree of words. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
  char *word;
  long count;
  int level; /* an AA tree (Andersson 1993) */
  struct node *left, *right;
};

static struct node *new_node(const char *word) {
  struct node *node = calloc(1, sizeof *node);
  if (node == NULL || (node->word = strdup(word)) == NULL) exit(1);
  node->count = 1;
  node->level = 1;
  return node;
}

static struct node *skew(struct node *top) {
  struct node *left = top->left;
  if (left == NULL || left->level != top->level) return top;
  top->left = left->right;
  left->right = top;
  return left;
}

static struct node *split(struct node *top) {
  struct node *right = top->right;
  if (right == NULL || right->right == NULL) return top;
  if (right->right->level != top->level) return top;
  top->right = right->left;
  right->left = top;
  right->level++;
  return right;
}

static struct node *add(struct node *top, const char *word) {
  if (top == NULL) return new_node(word);
  int order = strcmp(word, top->word);
  if (order == 0) {
    top->count++;
    return top;
  }
  if (order < 0)
    top->left = add(top->left, word);
  else
    top->right = add(top->right, word);
  return split(skew(top));
}

static void print(const struct node *top, int depth) {
  if (top == NULL) return;
  print(top->left, depth + 1);
  printf("%6ld %*s%s\n", top->count, depth, "", top->word);
  print(top->right, depth + 1);
}

static void destroy(struct node *top) {
  if (top == NULL) return;
  destroy(top->left);
  destroy(top->right);
  free(top->word);
  free(top);
}

static int read_word(char *word, size_t size) {
  int c;
  size_t n = 0;
  while ((c = getchar()) != EOF && !isalpha(c)) continue;
  for (; c != EOF && isalpha(c); c = getchar())
    if (n + 1 < size) word[n++] = (char)tolower(c);
  word[n] = '\0';
  return n > 0;
}

int main(void) {
  char word[64];
  struct node *top = NULL;
  while (read_word(word, sizeof word)) top = add(top, word);
  print(top, 0);
  destroy(top);
  return 0;
}
