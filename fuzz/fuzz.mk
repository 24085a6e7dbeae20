# fuzz.mk - what if the input is hostile? Included by the Makefile.
#
#   make fuzz SECONDS=60      libFuzzer on each target; needs clang
#   make fuzz-corpus          keeps what adds something in fuzz/corpus
#
# A target is a file fuzz_NAME.cpp here. Its inputs lie in fuzz/corpus/NAME,
# which `make fuzz-corpus` writes, and in fuzz/seeds/NAME: those that broke
# something once, or were written by hand; put new ones there.
# `make test TESTS=fuzz` runs them without libFuzzer, with any compiler.
SECONDS = 60
FUZZ_C = clang
FUZZ_CXX = clang++
F = $(B)/fuzz

# Enough to see where an input leads. (Comparisons are not traced: a checker
# that runs after every operation does little else.)
FUZZ_FLAGS = -O2 -g -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined $(DEFS)
FUZZ_SEES = -fsanitize-coverage=inline-8bit-counters,pc-table
FUZZ_LINK = $(FUZZ_CXX) -fsanitize=fuzzer,address,undefined

FUZZERS = $(F)/fuzz_mm $(F)/fuzz_mm_chaos $(F)/fuzz_trace
# The corpus of a fuzzer: both allocators share one.
fuzz_corpus_of = $(if $(findstring trace,$(1)),trace,alloc)

.PHONY: fuzz fuzz-corpus fuzzers

FUZZ_MISSING := $(if $(filter fuzz fuzz-corpus fuzzers,$(MAKECMDGOALS)),$(shell \
	echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char *, \
	unsigned long) { return 0; }' | $(FUZZ_CXX) -fsanitize=fuzzer -x c++ - \
	-o /dev/null 2> /dev/null || echo yes))
ifeq ($(FUZZ_MISSING),yes)
fuzz fuzz-corpus fuzzers:
	@echo "make $@: $(FUZZ_CXX) with libFuzzer is not installed (on" \
	  "Debian: clang and libclang-rt-dev); make test TESTS=fuzz needs neither"
else
fuzzers: $(FUZZERS)

# What is found stays in $(F)/corpus, and an input that breaks something is
# called $(F)/crash-..
fuzz: $(FUZZERS)
	@$(foreach f,$(FUZZERS),$(call fuzz_run,$(f),$(call fuzz_corpus_of,$(f))) &&) \
	  echo "fuzz: nothing found in $(SECONDS) seconds each"
define fuzz_run
mkdir -p $(F)/corpus/$(2) && echo "fuzz: $(notdir $(1))" && \
$(1) -max_total_time=$(SECONDS) -max_len=600 -artifact_prefix=$(F)/ \
  -print_final_stats=1 $(F)/corpus/$(2) fuzz/corpus/$(2) fuzz/seeds/$(2) \
  > $(1).log 2>&1; \
status=$$?; grep -E '^stat::number|ERROR|^fuzz: |Test unit written' $(1).log; \
test $$status = 0
endef

# The least that reaches as many places, out of old and new.
fuzz-corpus: $(FUZZERS)
	@rm -rf $(F)/merged && mkdir -p $(F)/merged/alloc $(F)/merged/trace
	@$(foreach f,$(FUZZERS),$(call fuzz_merge,$(f),$(call fuzz_corpus_of,$(f))) &&) \
	  rm -rf fuzz/corpus && mv $(F)/merged fuzz/corpus && \
	  echo "fuzz/corpus: `find fuzz/corpus -type f | wc -l` inputs"
define fuzz_merge
mkdir -p $(F)/corpus/$(2) fuzz/corpus/$(2) && \
$(1) -merge=1 -use_counters=0 $(F)/merged/$(2) fuzz/corpus/$(2) \
  fuzz/seeds/$(2) $(F)/corpus/$(2) > $(1).log 2>&1
endef
endif

$(F)/mm.o: mm.c $(B)/flags
	@mkdir -p $(@D)
	$(FUZZ_C) -std=gnu11 $(FUZZ_FLAGS) $(FUZZ_SEES) -c $< -o $@
$(F)/memlib.o: memlib.c $(B)/flags
	@mkdir -p $(@D)
	$(FUZZ_C) -std=gnu11 $(FUZZ_FLAGS) -c $< -o $@
$(F)/mm_chaos.o: mm_chaos.cpp $(B)/flags
	@mkdir -p $(@D)
	$(FUZZ_CXX) -std=c++20 -fno-exceptions -fno-rtti $(FUZZ_FLAGS) \
	  $(FUZZ_SEES) -c $< -o $@
$(F)/trace.o: driver/trace.cpp $(B)/flags
	@mkdir -p $(@D)
	$(FUZZ_CXX) -std=c++20 $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -c $< -o $@
$(F)/%.o: driver/%.cpp $(B)/flags
	@mkdir -p $(@D)
	$(FUZZ_CXX) -std=c++20 $(FUZZ_FLAGS) -c $< -o $@
$(F)/%.o: fuzz/%.cpp $(B)/flags
	@mkdir -p $(@D)
	$(FUZZ_CXX) -std=c++20 $(FUZZ_FLAGS) -c $< -o $@

$(F)/fuzz_mm $(F)/fuzz_mm_chaos: $(F)/fuzz_%: $(F)/%.o $(F)/fuzz_alloc.o \
		$(F)/memlib.o $(F)/shadow.o
	$(FUZZ_LINK) $^ -o $@
$(F)/fuzz_trace: $(F)/fuzz_trace.o $(F)/trace.o $(F)/text.o
	$(FUZZ_LINK) $^ -o $@

-include $(wildcard $(F)/*.d)
