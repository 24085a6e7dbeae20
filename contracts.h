/*
 * contracts.h - what a function requires and ensures, written where it holds.
 *
 *   REQUIRES(cond)   at the beginning: what the caller must see to
 *   ENSURES(cond)    at the end: what the function has seen to
 *   ASSERT(cond)     in between
 *
 * Some courses have their students write these; a submission that includes
 * this file compiles. They are checked where DEBUG is defined (`make plug
 * CPPFLAGS=-DDEBUG ..`) and cost nothing elsewhere.
 */
#ifndef CONTRACTS_H
#define CONTRACTS_H

#ifdef DEBUG
#include <stdio.h>
#include <stdlib.h>

#define CONTRACT(kind, cond)                                                   \
  ((cond) ? (void)0                                                            \
          : (fprintf(stderr, "%s:%d: %s: " kind "(%s) does not hold\n",        \
                     __FILE__, __LINE__, __func__, #cond),                     \
             abort()))
#define REQUIRES(cond) CONTRACT("REQUIRES", cond)
#define ENSURES(cond) CONTRACT("ENSURES", cond)
#define ASSERT(cond) CONTRACT("ASSERT", cond)
#else
#define REQUIRES(cond) ((void)0)
#define ENSURES(cond) ((void)0)
#define ASSERT(cond) ((void)0)
#endif

#endif
