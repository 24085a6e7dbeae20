/* crashes_in_name.c - cannot even tell its name. */
#include "tests/liars/honest.h"

static const char *const *volatile nothing;

const char *mm_name(void);
const char *mm_name(void) {
  return *nothing;
}
