# Makefile - every entry point; `make help` lists them.
#
# Settings, on the command line:
#   CC, CXX       compilers (gcc or clang)
#   ALIGNMENT     16 (default) or 8
#   ABI           for a submission's types: auto, classic, void, cmu
#   CPPFLAGS      -D of anything in config.h
#   CHAOS_SECURE=1  the hardened Chaos (chaos/secure.hpp)
#   V=1           show the commands
CC = gcc
CXX = g++
ALIGNMENT = 16
ABI = auto
CFLAGS = -O2 -g
CXXFLAGS = -O2 -g
B = build
OUT = .

# A recipe says in one line what it makes; V=1 shows the commands, -s neither.
SILENT = $(findstring s,$(filter-out --%,$(firstword -$(MAKEFLAGS))))
Q = $(if $(V),,@)
say = @$(if $(V)$(SILENT),:,echo "  $@")

WARN = -Wall -Wextra -Wshadow -Wconversion
DEFS = -DMM_ALIGNMENT=$(ALIGNMENT) $(CPPFLAGS) \
	$(if $(CHAOS_SECURE),-DCHAOS_SECURE=$(CHAOS_SECURE)) -I. -MMD -MP
LINK = $(CXX) $(CXXFLAGS) -pthread -Wl,--as-needed

# A submission's own style is its own business: code of the 1990s compiles.
OLD_C = -Wno-error=implicit-function-declaration -Wno-error=implicit-int \
	-Wno-error=int-conversion -Wno-error=incompatible-pointer-types
ALLOC_C = $(CC) -std=gnu11 -fgnu89-inline $(CFLAGS) -Wall $(OLD_C) -DDRIVER \
	$(DEFS)
# An allocator must not need what needs an allocator: exceptions, guards of
# static data, symbols that the loader keeps a table of.
UNIQUE := $(if $(shell $(CXX) --version | grep -i clang),,-fno-gnu-unique)
ALLOC_CXX = $(CXX) -std=c++20 $(CXXFLAGS) $(WARN) -DDRIVER $(DEFS) \
	-fno-exceptions -fno-rtti -fno-threadsafe-statics $(UNIQUE)

DRIVER_OBJECTS = $(patsubst %.cpp,$(B)/%.o,$(wildcard driver/*.cpp)) \
	$(B)/mdriver.o $(B)/memlib.o

.PHONY: all help run test lint plug asan ubsan tsan debug secure clean FORCE
.DELETE_ON_ERROR:

all: $(OUT)/mdriver $(OUT)/mdriver-chaos $(B)/alloc/mm.so \
	$(B)/alloc/mm_chaos.so $(B)/alloc/mm_chaos_paper.so

help:
	@echo "make            build mdriver (mm.c) and mdriver-chaos (mm_chaos.cpp)"
	@echo "make run        the same, and score the allocators side by side"
	@echo "make mdriver-chaos-paper"
	@echo "                mm_chaos.cpp with the fixed geometry of the paper"
	@echo "make test       run all tests, or those of TESTS=\"unit liars\""
	@echo "make lint       check layers, names, sizes, warnings"
	@echo "make bench      compare with glibc and what else is installed"
	@echo "make bench FAMILIES=1"
	@echo "                on traces that nobody has seen (bench/run.sh has more)"
	@echo "make fuzz SECONDS=60"
	@echo "                throw bytes at the allocators and the trace parser"
	@echo "make plug SRC=path/mm.c NAME=alice"
	@echo "                build build/alloc/alice.so, for mdriver -A"
	@echo "make asan ubsan tsan debug"
	@echo "                the same as make, instrumented, in build/asan .."
	@echo "make secure     the same with the hardened Chaos, in build/secure"
	@echo "make generate record"
	@echo "                write the traces in traces/ again (its README)"
	@echo "make clean      remove what was built"
	@echo "settings: CC= CXX= CFLAGS= CXXFLAGS= ALIGNMENT=8 ABI=classic"
	@echo "          CPPFLAGS=-DUTIL_WEIGHT=.5 (any of config.h), V=1"

# Builds on all processors, unless -j says how many.
JOBS := $(shell nproc 2> /dev/null || echo 2)
PARALLEL = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))

run:
	@$(MAKE) --no-print-directory $(PARALLEL) all
	$(Q)$(OUT)/mdriver -v -A $(B)/alloc/mm_chaos.so \
	  -A $(B)/alloc/mm_chaos_paper.so

# ---- The driver -----------------------------------------------------------------

# Of a config.h of another lab, which lacks some numbers, the compilers would
# say it in a screen of errors for each file.
NUMBERS = ALIGNMENT MAX_HEAP TRIM_THRESHOLD TRACEDIR DEFAULT_TRACEFILES \
	UTIL_WEIGHT MIN_SPACE MAX_SPACE MIN_SPEED_RATIO MAX_SPEED_RATIO \
	AVG_LIBC_THRUPUT TIME_LIMIT OP_TIME_LIMIT MEMORY_LIMIT MAX_STATIC_DATA

# Everything depends on the flags, which are written down when they change.
FLAGS_NOW = $(CC)|$(CXX)|$(CFLAGS)|$(CXXFLAGS)|$(DEFS)|$(ABI)
$(B)/flags: FORCE
	@text=`$(CXX) $(CXXFLAGS) $(filter-out -M%,$(DEFS)) -E -dM -x c++ config.h` \
	  || exit 2; lacks=; \
	for name in $(NUMBERS); do case $$text in *"define $$name "*) ;; \
	  *) lacks="$$lacks $$name" ;; esac; done; \
	test -z "$$lacks" || { echo "config.h lacks$$lacks: is it another" \
	  "lab's? keep ours, and write that course's numbers into it"; exit 2; }
	@mkdir -p $(B)/driver $(B)/alloc
	@echo '$(FLAGS_NOW)' | cmp -s - $@ || echo '$(FLAGS_NOW)' > $@

$(B)/%.o: %.cpp $(B)/flags
	$(say)
	$(Q)$(CXX) -std=c++20 $(CXXFLAGS) $(WARN) $(DEFS) -c $< -o $@

$(B)/memlib.o: memlib.c $(B)/flags
	$(say)
	$(Q)$(CC) -std=gnu11 $(CFLAGS) $(WARN) $(DEFS) -c $< -o $@

# ---- Allocators -----------------------------------------------------------------

# $(call abi_object,SOURCE,OBJECT,RESULT,EXTRA): how SOURCE was compiled.
define abi_object
$(CC) $(CFLAGS) $(4) $(DEFS) `driver/abi.sh $(1) $(ABI)` \
	-DMM_STATIC_DATA=`size $(2) | awk 'NR==2 {print $$2+$$3}'` \
	-c driver/abi.c -o $(3)
endef

# $(call plug_in,OBJECT,ABI_OBJECT,RESULT)
define plug_in
$(LINK) -shared -Wl,-Bsymbolic -Wl,--version-script=driver/plug.map \
	$(1) $(2) -o $(3)
endef

# What was built of the last mm.c goes first, as for plug: a script that copies
# one submission after the other here must not score that again. The sum is for
# those that come with their old times (cp -p).
$(B)/mm.sum: mm.c FORCE
	@mkdir -p $(B)
	@cksum mm.c | cmp -s - $@ || cksum mm.c > $@
# Of what it defines only the contract is for others: a helper of its own called
# `kill`, or its own memcpy, must not be what the driver calls. (objcopy reads no
# objects of -flto, and leaves common symbols as they are.)
OBJCOPY = objcopy
$(B)/mm.o: mm.c $(B)/flags $(B)/mm.sum
	$(say)
	@rm -f $(OUT)/mdriver
	$(Q)$(ALLOC_C) `driver/abi.sh mm.c $(ABI)` -fno-lto -fno-common -c $< -o $@
	$(Q)$(OBJCOPY) -w -G 'mm_*' -G team $@ || { rm -f $@; exit 1; }
$(B)/mm.pic.o: mm.c $(B)/flags $(B)/mm.sum
	$(say)
	@rm -f $(B)/alloc/mm.so
	$(Q)$(ALLOC_C) `driver/abi.sh mm.c $(ABI)` -fPIC -c $< -o $@
$(B)/mm_chaos.o: mm_chaos.cpp $(B)/flags
	$(say)
	$(Q)$(ALLOC_CXX) -c $< -o $@
$(B)/mm_chaos.pic.o: mm_chaos.cpp $(B)/flags
	$(say)
	$(Q)$(ALLOC_CXX) -fPIC -c $< -o $@
# The same with the geometry of the paper, which has no hardened build.
$(B)/mm_chaos_paper.o: mm_chaos.cpp $(B)/flags
	$(say)
	$(Q)$(ALLOC_CXX) -UCHAOS_SECURE -DCHAOS_PAPER -c $< -o $@
$(B)/mm_chaos_paper.pic.o: mm_chaos.cpp $(B)/flags
	$(say)
	$(Q)$(ALLOC_CXX) -UCHAOS_SECURE -DCHAOS_PAPER -fPIC -c $< -o $@

$(B)/mm.abi.o: mm.c driver/abi.c driver/abi.sh $(B)/mm.o
	$(say)
	$(Q)$(call abi_object,mm.c,$(B)/mm.o,$@,-fPIC)
$(B)/mm_chaos.abi.o: mm_chaos.cpp driver/abi.c driver/abi.sh $(B)/mm_chaos.o
	$(say)
	$(Q)$(call abi_object,mm_chaos.cpp,$(B)/mm_chaos.o,$@,-fPIC)
$(B)/mm_chaos_paper.abi.o: mm_chaos.cpp driver/abi.c driver/abi.sh \
		$(B)/mm_chaos_paper.o
	$(say)
	$(Q)$(call abi_object,mm_chaos.cpp,$(B)/mm_chaos_paper.o,$@,-fPIC)

$(OUT)/mdriver: $(B)/mm.o $(B)/mm.abi.o $(DRIVER_OBJECTS) driver/memlib.symbols
	$(say)
	$(Q)$(LINK) $(filter %.o,$^) -o $@ -Wl,--dynamic-list=driver/memlib.symbols -ldl
$(OUT)/mdriver-chaos: $(B)/mm_chaos.o $(B)/mm_chaos.abi.o $(DRIVER_OBJECTS) \
		driver/memlib.symbols
	$(say)
	$(Q)$(LINK) $(filter %.o,$^) -o $@ -Wl,--dynamic-list=driver/memlib.symbols -ldl
$(OUT)/mdriver-chaos-paper: $(B)/mm_chaos_paper.o $(B)/mm_chaos_paper.abi.o \
		$(DRIVER_OBJECTS) driver/memlib.symbols
	$(say)
	$(Q)$(LINK) $(filter %.o,$^) -o $@ -Wl,--dynamic-list=driver/memlib.symbols -ldl
$(B)/alloc/mm.so: $(B)/mm.pic.o $(B)/mm.abi.o driver/plug.map
	$(say)
	$(Q)$(call plug_in,$(B)/mm.pic.o,$(B)/mm.abi.o,$@)
$(B)/alloc/mm_chaos.so: $(B)/mm_chaos.pic.o $(B)/mm_chaos.abi.o driver/plug.map
	$(say)
	$(Q)$(call plug_in,$(B)/mm_chaos.pic.o,$(B)/mm_chaos.abi.o,$@)
$(B)/alloc/mm_chaos_paper.so: $(B)/mm_chaos_paper.pic.o \
		$(B)/mm_chaos_paper.abi.o driver/plug.map
	$(say)
	$(Q)$(call plug_in,$(B)/mm_chaos_paper.pic.o,$(B)/mm_chaos_paper.abi.o,$@)

# ---- Submissions ----------------------------------------------------------------

# What was built of an earlier submission goes first: a script that does not look
# at make's exit status must not score that in place of one that fails to build.
# SRC and NAME reach the shell as variables of its own, as they are, whatever
# characters they have.
DASH = $(if $(filter -%,$(firstword $(value SRC))),./)
plug: export SUBMISSION := $(DASH)$(value SRC)
plug: export PLUG_NAME := $(value NAME)
plug: export PLUG := $(B)/alloc/$(value NAME)
plug:
	@mkdir -p $(B)/alloc
	@case $$PLUG_NAME in *[[:space:]/]*) \
	  echo "make plug: NAME=$$PLUG_NAME: give a name without blanks and" \
	    "slashes"; exit 2 ;; \
	mm | mm_chaos | mm_chaos_paper) \
	  echo "make plug: NAME=$$PLUG_NAME is that of an allocator of this" \
	    "folder; give another"; exit 2 ;; esac
	@rm -f "$$PLUG.so"
	@test -n "$$PLUG_NAME" && test -n "$$SUBMISSION" || \
	  { echo "make plug needs both: make plug SRC=path/mm.c NAME=alice"; \
	    exit 2; }
	@test -f "$$SUBMISSION" && test -r "$$SUBMISSION" || \
	  { echo "make plug: cannot read SRC=$$SUBMISSION; give the file, as in" \
	    "SRC=path/mm.c"; exit 2; }
	@case $$SUBMISSION in *.c | *.cc | *.cpp | *.cxx | *.C) ;; *) \
	  echo "make plug: SRC=$$SUBMISSION: name it .c for C, .cpp for C++"; \
	  exit 2 ;; esac
	@$(if $(V)$(SILENT),:,echo "  $$PLUG.so")
	$(Q)$(if $(filter %.c,$(lastword $(value SRC))),$(ALLOC_C),$(ALLOC_CXX)) \
	  -fPIC "-I$$(dirname "$$SUBMISSION")" \
	  `driver/abi.sh "$$SUBMISSION" $(ABI)` -c "$$SUBMISSION" -o "$$PLUG.o"
	$(Q)$(call abi_object,"$$SUBMISSION","$$PLUG.o","$$PLUG.abi.o",-fPIC)
	$(Q)$(call plug_in,"$$PLUG.o","$$PLUG.abi.o","$$PLUG.so")

# ---- Traces: recording and generating them ---------------------------------------

include traces/recipes.mk

# ---- Variants -------------------------------------------------------------------

# $(call variant,FLAGS): the same build under build/<target>.
variant = $(MAKE) --no-print-directory all B=build/$@ OUT=build/$@ \
	CFLAGS="-O1 -g -fno-omit-frame-pointer $(1)" \
	CXXFLAGS="-O1 -g -fno-omit-frame-pointer $(1)"
asan:
	$(Q)$(call variant,-fsanitize=address)
ubsan:
	$(Q)$(call variant,-fsanitize=undefined -fno-sanitize-recover=undefined)
tsan:
	$(Q)$(call variant,-fsanitize=thread)
debug:
	$(Q)$(call variant,-O0)
# The hardened Chaos (chaos/secure.hpp).
secure:
	$(Q)$(MAKE) --no-print-directory all B=build/$@ OUT=build/$@ \
	  CPPFLAGS="$(CPPFLAGS) -DCHAOS_SECURE=1"

include tests/tests.mk
include bench/bench.mk
include fuzz/fuzz.mk

clean:
	rm -rf build mdriver mdriver-chaos mdriver-chaos-paper

-include $(wildcard $(B)/*.d $(B)/driver/*.d)
