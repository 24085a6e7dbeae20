/* Run to record threads: a reader hands lines to workers, who split
 * them into words and hand those to a collector; each frees what it was given.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kWorkers = 2, kLines = 300, kBuckets = 256 };

struct item {
  char *text;
  struct item *next;
};

struct queue {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  struct item *first, *last;
  int closed, count;
};

static struct queue lines = {.lock = PTHREAD_MUTEX_INITIALIZER,
                             .changed = PTHREAD_COND_INITIALIZER};
static struct queue words = {.lock = PTHREAD_MUTEX_INITIALIZER,
                             .changed = PTHREAD_COND_INITIALIZER};

/* Waits when there are many items, so that the threads go side by side. */
static void put(struct queue *queue, char *text) {
  struct item *item = calloc(1, sizeof *item);
  item->text = text;
  pthread_mutex_lock(&queue->lock);
  while (queue->count >= 40) pthread_cond_wait(&queue->changed, &queue->lock);
  if (queue->last)
    queue->last->next = item;
  else
    queue->first = item;
  queue->last = item;
  queue->count++;
  pthread_cond_broadcast(&queue->changed);
  pthread_mutex_unlock(&queue->lock);
}

static void close_queue(struct queue *queue) {
  pthread_mutex_lock(&queue->lock);
  queue->closed = 1;
  pthread_cond_broadcast(&queue->changed);
  pthread_mutex_unlock(&queue->lock);
}

static char *get(struct queue *queue) {
  char *text = NULL;
  pthread_mutex_lock(&queue->lock);
  while (queue->first == NULL && !queue->closed)
    pthread_cond_wait(&queue->changed, &queue->lock);
  struct item *item = queue->first;
  if (item) {
    text = item->text;
    queue->first = item->next;
    if (queue->first == NULL) queue->last = NULL;
    queue->count--;
    pthread_cond_broadcast(&queue->changed);
  }
  pthread_mutex_unlock(&queue->lock);
  free(item);
  return text;
}

static void *work(void *unused) {
  char *rest, *text;
  while ((text = get(&lines)) != NULL) {
    for (char *word = strtok_r(text, " ", &rest); word;
         word = strtok_r(NULL, " ", &rest))
      put(&words, strdup(word));
    free(text);
  }
  return unused;
}

/* A hash table of lists of counted words, each list one growing array. */
static void *collect(void *unused) {
  char **table[kBuckets] = {0}, *word;
  int sizes[kBuckets] = {0};
  while ((word = get(&words)) != NULL) {
    unsigned hash = 5381;
    for (char *c = word; *c; c++) hash = hash * 33 + (unsigned char)*c;
    int bucket = (int)(hash % kBuckets), i = 0;
    while (i < sizes[bucket] && strcmp(table[bucket][i], word) != 0) i++;
    if (i < sizes[bucket]) {
      free(word);
      continue;
    }
    size_t bytes = sizeof(char *) * (size_t)++sizes[bucket];
    table[bucket] = realloc(table[bucket], bytes);
    table[bucket][i] = word;
  }
  for (int b = 0; b < kBuckets; b++) {
    for (int i = 0; i < sizes[b]; i++) free(table[b][i]);
    free(table[b]);
  }
  return unused;
}

static void read_lines(void) {
  unsigned state = 42;
  for (int i = 0; i < kLines; i++) {
    char text[400];
    int n = 0;
    for (int word = 0; word < 12; word++) {
      state = state * 1103515245u + 12345;
      n += snprintf(text + n, sizeof text - (size_t)n, "word%u ",
                    (state >> 16) % (10u << (state >> 30)) * 977u);
    }
    put(&lines, strdup(text));
  }
  close_queue(&lines);
}

int main(void) {
  pthread_t workers[kWorkers], collector;
  pthread_create(&collector, NULL, collect, NULL);
  for (int i = 0; i < kWorkers; i++)
    pthread_create(&workers[i], NULL, work, NULL);
  read_lines();
  for (int i = 0; i < kWorkers; i++) pthread_join(workers[i], NULL);
  close_queue(&words);
  pthread_join(collector, NULL);
  return 0;
}
