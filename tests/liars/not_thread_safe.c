/* not_thread_safe.c - does not say that it is thread-safe: no liar, as long as
 * threads call it one at a time. */
#include "races.h"
