/*
 * record_name.h - where a process writes its trace (README.md).
 *
 * The callers hold the recorder's lock, except in name_init, which runs before
 * there is a second thread.
 */
#ifndef RECORD_NAME_H
#define RECORD_NAME_H

#include <stdbool.h>

/* Reads the environment. Returns 0, or -1 if this process is not to be
 * recorded (it has been said why, unless that is wanted). */
int name_init(void);

/* Creates this process's file, open for reading and writing: returns its
 * descriptor and stores its path (PATH_MAX bytes), or returns -1 when that
 * failed (it has been said why). */
int name_create(char *path);

/* Whether forked children and the programs they run are recorded, too. */
bool name_for_children(void);

/* Has the programs that this process and its children run record as well, if
 * that is wanted, or else nothing. Called once, before main. */
void name_pass_on(bool recording);

/* One line on stderr: what, where, why (an errno, or 0), what to do. */
void name_say(const char *what, const char *where, int why, const char *remedy);

#endif
