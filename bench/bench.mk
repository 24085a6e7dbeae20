# bench.mk - `make bench`, as bench/run.sh has it; included by the Makefile.
#
#   make bench                           BENCH="speed calls" for some parts
#   make bench FAMILIES=1                SEED=N, DRAWS=N
BENCH =
FAMILIES =
SEED =
DRAWS = 3
ROUNDS =

.PHONY: bench
bench: all $(GENERATOR) $(B)/bench/calls
	@B='$(B)' OUT='$(OUT)' ALIGNMENT='$(ALIGNMENT)' BENCH='$(BENCH)' \
	  FAMILIES='$(FAMILIES)' SEED='$(SEED)' DRAWS='$(DRAWS)' \
	  ROUNDS='$(ROUNDS)' MAKE='$(MAKE)' bench/run.sh

$(B)/bench/calls.o: bench/calls.cpp $(B)/flags
	@mkdir -p $(@D)
	$(CXX) -std=c++20 $(CXXFLAGS) $(WARN) $(DEFS) -c $< -o $@
$(B)/bench/calls: $(B)/bench/calls.o $(B)/memlib.o driver/memlib.symbols
	$(LINK) $(filter %.o,$^) -o $@ -Wl,--dynamic-list=driver/memlib.symbols \
	  -ldl

-include $(wildcard $(B)/bench/*.d)
