# bench.mk - `make bench`, as bench/run.sh has it; included by the Makefile.
#
#   make bench                           BENCH="speed calls" for some parts
#   make bench FAMILIES=1                SEED=N, DRAWS=N
#   make build/bench/growth              for the curves in docs/mm.md
BENCH =
FAMILIES =
SEED =
DRAWS = 3
ROUNDS =

.PHONY: bench
bench: all $(GENERATOR) $(B)/bench/calls $(B)/bench/passes
	@B='$(B)' OUT='$(OUT)' ALIGNMENT='$(ALIGNMENT)' BENCH='$(BENCH)' \
	  FAMILIES='$(FAMILIES)' SEED='$(SEED)' DRAWS='$(DRAWS)' \
	  ROUNDS='$(ROUNDS)' MAKE='$(MAKE)' bench/run.sh

$(B)/bench/%.o: bench/%.cpp $(B)/flags
	@mkdir -p $(@D)
	$(CXX) -std=c++20 $(CXXFLAGS) $(WARN) $(DEFS) -c $< -o $@
$(B)/bench/%: $(B)/bench/%.o $(B)/memlib.o driver/memlib.symbols
	$(LINK) $(filter %.o,$^) -o $@ -Wl,--dynamic-list=driver/memlib.symbols \
	  -ldl
$(B)/bench/passes: $(B)/driver/allocator.o $(B)/driver/trace.o \
	$(B)/driver/text.o $(B)/mm.o
.PRECIOUS: $(B)/bench/%.o

-include $(wildcard $(B)/bench/*.d)
