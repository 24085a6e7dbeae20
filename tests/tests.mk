# tests.mk - builds and runs the tests; included by the Makefile.
#
#   make test                 all groups, or TESTS="unit liars"
#   make test STRESS=20       with stress tests that run 20 times as long
#   make lint
#
# All of it is built in $(B)/tests, with the flags of the build at hand, so
# that `make test B=build/asan OUT=build/asan CFLAGS=.. CXXFLAGS=..` tests that
# variant.
T = $(B)/tests
STRESS = 1
TESTS =

TEST_CXX = $(CXX) -std=c++20 $(CXXFLAGS) $(WARN) $(DEFS)
TEST_C = $(CC) -std=gnu11 $(CFLAGS) $(WARN) $(DEFS)

# The driver without its main, for unit tests, and an allocator to link.
UNDER_TEST = $(filter-out $(B)/mdriver.o,$(DRIVER_OBJECTS)) \
	$(B)/mm.o $(B)/mm.abi.o

# A sanitizer has its own idea of memory and crashes; tests ask for this.
SANITIZED := $(if $(findstring -fsanitize,$(CFLAGS) $(CXXFLAGS)),yes,)

.PHONY: test test-programs lint

$(T)/%.o: tests/%.cpp $(B)/flags
	@mkdir -p $(@D)
	$(say)
	$(Q)$(TEST_CXX) -c $< -o $@
$(T)/%.o: tests/%.c $(B)/flags
	@mkdir -p $(@D)
	$(say)
	$(Q)$(TEST_C) -c $< -o $@

# ---- Unit tests -------------------------------------------------------------

UNIT_OBJECTS = $(patsubst %.cpp,$(B)/%.o,$(wildcard tests/unit/*_test.cpp)) \
	$(T)/unit/main.o
$(T)/unit_tests: $(UNIT_OBJECTS) $(UNDER_TEST)
	$(say)
	$(Q)$(LINK) $^ -o $@ -ldl

# The mark, by the thresholds of another course.
COURSE = -DUTIL_WEIGHT=.5 -DMIN_SPACE=.7 -DMAX_SPACE=.9 \
	-DAVG_LIBC_THRUPUT=1000e3 -DMIN_SPEED=100e3 -DMAX_SPEED=900e3
$(T)/unit/score_course.o: tests/unit/score_course.cpp $(B)/flags
	@mkdir -p $(@D)
	$(say)
	$(Q)$(TEST_CXX) $(COURSE) -c $< -o $@
$(T)/unit/course.o: driver/score.cpp $(B)/flags
	@mkdir -p $(@D)
	$(say)
	$(Q)$(TEST_CXX) $(COURSE) -c $< -o $@
$(T)/course_tests: $(T)/unit/score_course.o $(T)/unit/course.o \
		$(T)/unit/main.o $(B)/driver/trace.o $(B)/driver/text.o
	$(say)
	$(Q)$(LINK) $^ -o $@

# ---- Helpers ----------------------------------------------------------------

$(T)/json_get: $(T)/tools/json_get.o
	$(say)
	$(Q)$(LINK) $^ -o $@

# ---- Liars ------------------------------------------------------------------

# A sanitizer must not find the bug before the driver does.
PLANT = $(ALLOC_C) -fPIC -fno-sanitize=all
LIARS = $(patsubst %.c,$(B)/%.so,$(wildcard tests/liars/*.c))

.SECONDARY:
$(T)/liars/%.o: tests/liars/%.c $(B)/flags
	@mkdir -p $(@D)
	$(say)
	$(Q)$(PLANT) -c $< -o $@
$(T)/liars/%.abi.o: tests/liars/%.c $(T)/liars/%.o driver/abi.c
	$(say)
	$(Q)$(call abi_object,$<,$(T)/liars/$*.o,$@,-fPIC)
# They all meet mm.h as honest.c does; one also says how large its data are.
$(T)/liars/%.so: $(T)/liars/%.o $(T)/liars/honest.o $(T)/liars/honest.abi.o
	$(say)
	$(Q)$(call plug_in,$(filter-out %.abi.o,$^),$(filter %.abi.o,$^),$@)
$(T)/liars/honest.so: $(T)/liars/honest.o $(T)/liars/honest.abi.o
	$(say)
	$(Q)$(call plug_in,$(T)/liars/honest.o,$(T)/liars/honest.abi.o,$@)
$(T)/liars/static_tables.so: $(T)/liars/static_tables.o $(T)/liars/honest.o \
		$(T)/liars/static_tables.abi.o
	$(say)
	$(Q)$(call plug_in,$(filter-out %.abi.o,$^),$(filter %.abi.o,$^),$@)

# ---- Misuse -----------------------------------------------------------------

MISUSES = $(patsubst %.c,$(B)/%.so,$(wildcard tests/misuse/*.c))

$(T)/misuse/%.o: tests/misuse/%.c $(B)/flags
	@mkdir -p $(@D)
	$(say)
	$(Q)$(PLANT) -c $< -o $@
$(T)/misuse/%.so: $(T)/misuse/%.o
	$(say)
	$(Q)$(LINK) -shared $^ -o $@
$(T)/misuse/spy.so $(T)/misuse/asks_libc.so $(T)/misuse/sleeps.so \
	$(T)/misuse/crashes_in_name.so: $(T)/liars/honest.o

# ---- Golden texts -----------------------------------------------------------

$(T)/golden/reports: $(T)/golden/reports.o $(UNDER_TEST)
	$(say)
	$(Q)$(LINK) $^ -o $@ -ldl

# ---- Stress -----------------------------------------------------------------

# Each allocator for each alignment, linked statically with its own memlib.
STRESSED = $(foreach a,mm mm_chaos mm_chaos_paper,$(T)/stress/$(a)_16 \
	$(T)/stress/$(a)_8 $(T)/stress/$(a)_threads)

define stress_objects
$(T)/stress/stress_$(1).o: tests/stress/stress.cpp $(B)/flags
	@mkdir -p $$(@D)
	$$(say)
	$$(Q)$$(TEST_CXX) -DALIGNMENT=$(1) -c $$< -o $$@
$(T)/stress/mm_$(1).o: mm.c $(B)/flags
	@mkdir -p $$(@D)
	$$(say)
	$$(Q)$$(ALLOC_C) -DALIGNMENT=$(1) -c $$< -o $$@
$(T)/stress/mm_chaos_$(1).o: mm_chaos.cpp $(B)/flags
	@mkdir -p $$(@D)
	$$(say)
	$$(Q)$$(ALLOC_CXX) -DALIGNMENT=$(1) -c $$< -o $$@
$(T)/stress/mm_chaos_paper_$(1).o: mm_chaos.cpp $(B)/flags
	@mkdir -p $$(@D)
	$$(say)
	$$(Q)$$(ALLOC_CXX) -DCHAOS_PAPER -DALIGNMENT=$(1) -c $$< -o $$@
$(T)/stress/mm_$(1): $(T)/stress/mm_$(1).o
$(T)/stress/mm_chaos_$(1): $(T)/stress/mm_chaos_$(1).o
$(T)/stress/mm_chaos_paper_$(1): $(T)/stress/mm_chaos_paper_$(1).o
$(T)/stress/mm_$(1) $(T)/stress/mm_chaos_$(1) \
$(T)/stress/mm_chaos_paper_$(1): $(T)/stress/stress_$(1).o \
		$(B)/memlib.o $(B)/driver/shadow.o
	$$(say)
	$$(Q)$$(LINK) $$^ -o $$@
endef
$(eval $(call stress_objects,16))
$(eval $(call stress_objects,8))

$(T)/stress/%_threads: $(B)/%.o $(T)/stress/threads.o $(B)/memlib.o \
		$(B)/driver/shadow.o
	$(say)
	$(Q)$(LINK) $^ -o $@

# ---- Broken heaps -----------------------------------------------------------

# The allocator is part of the test, which writes where only that may.
BROKEN = $(foreach n,16 8,$(T)/broken/mm_$(n) $(T)/broken/chaos_$(n)) \
	$(T)/broken/secure_16

$(T)/broken/mm_16.o $(T)/broken/mm_8.o: $(T)/broken/mm_%.o: \
		tests/broken/mm_broken.c $(B)/flags
	@mkdir -p $(@D)
	$(say)
	$(Q)$(TEST_C) -DALIGNMENT=$* -c $< -o $@
$(T)/broken/chaos_16.o $(T)/broken/chaos_8.o: $(T)/broken/chaos_%.o: \
		tests/broken/chaos_broken.cpp $(B)/flags
	@mkdir -p $(@D)
	$(say)
	$(Q)$(TEST_CXX) -DALIGNMENT=$* -c $< -o $@
$(T)/broken/secure_16.o: tests/broken/chaos_broken.cpp $(B)/flags
	@mkdir -p $(@D)
	$(say)
	$(Q)$(TEST_CXX) -DALIGNMENT=16 -DCHAOS_SECURE=1 -c $< -o $@
$(BROKEN): %: %.o $(B)/memlib.o
	$(say)
	$(Q)$(LINK) $^ -o $@

# ---- What fuzzers found -----------------------------------------------------

# The targets of fuzz/ with a plain main, on the allocators of the stress test.
REPLAYS = $(foreach n,16 8,$(T)/fuzz/mm_$(n) $(T)/fuzz/mm_chaos_$(n) \
	$(T)/fuzz/mm_chaos_paper_$(n)) \
	$(T)/fuzz/trace
define replay_objects
$(T)/fuzz/alloc_$(1).o: fuzz/fuzz_alloc.cpp $(B)/flags
	@mkdir -p $$(@D)
	$$(say)
	$$(Q)$$(TEST_CXX) -DALIGNMENT=$(1) -c $$< -o $$@
$(T)/fuzz/mm_$(1): $(T)/stress/mm_$(1).o
$(T)/fuzz/mm_chaos_$(1): $(T)/stress/mm_chaos_$(1).o
$(T)/fuzz/mm_chaos_paper_$(1): $(T)/stress/mm_chaos_paper_$(1).o
$(T)/fuzz/mm_$(1) $(T)/fuzz/mm_chaos_$(1) \
$(T)/fuzz/mm_chaos_paper_$(1): $(T)/fuzz/alloc_$(1).o \
		$(B)/memlib.o $(B)/driver/shadow.o
endef
$(eval $(call replay_objects,16))
$(eval $(call replay_objects,8))
$(T)/fuzz/trace.o: fuzz/fuzz_trace.cpp $(B)/flags
	@mkdir -p $(@D)
	$(say)
	$(Q)$(TEST_CXX) -c $< -o $@
$(T)/fuzz/trace: $(T)/fuzz/trace.o $(B)/driver/trace.o $(B)/driver/text.o
$(T)/fuzz/replay.o: fuzz/replay.cpp $(B)/flags
	@mkdir -p $(@D)
	$(say)
	$(Q)$(TEST_CXX) -c $< -o $@
$(REPLAYS): $(T)/fuzz/replay.o
	$(say)
	$(Q)$(LINK) $^ -o $@

# ---- The hardened Chaos ------------------------------------------------------

SECURED = $(T)/secure/mistakes $(T)/secure/stress $(T)/secure/threads

$(T)/secure/mm_chaos.o: mm_chaos.cpp $(B)/flags
	@mkdir -p $(@D)
	$(say)
	$(Q)$(ALLOC_CXX) -DCHAOS_SECURE=1 -c $< -o $@
$(T)/secure/mistakes: $(T)/secure/mistakes.o
$(T)/secure/stress: $(T)/stress/stress.o
$(T)/secure/threads: $(T)/stress/threads.o
$(SECURED): $(T)/secure/mm_chaos.o $(B)/memlib.o $(B)/driver/shadow.o
	$(say)
	$(Q)$(LINK) $^ -o $@

# ---- Everything -------------------------------------------------------------

test-programs: all $(T)/unit_tests $(T)/course_tests $(T)/json_get $(T)/golden/reports \
	$(STRESSED) $(SECURED) $(LIARS) $(MISUSES) $(BROKEN) $(REPLAYS) $(RECORDER) $(GENERATOR)

# The tests themselves run one group after the other.
test:
	@$(MAKE) --no-print-directory $(PARALLEL) test-programs
	@B='$(B)' OUT='$(OUT)' STRESS='$(STRESS)' SANITIZED='$(SANITIZED)' \
	  MAKE='$(MAKE)' tests/run.sh $(TESTS)

lint:
	@tests/lint.sh

-include $(wildcard $(T)/*.d $(T)/*/*.d)
