# Run with -n to record make: pattern rules, functions, computed names.
units := $(foreach d,core net ui test,$(foreach n,1 2 3 4 5 6 7 8 9 10,$d/unit$n))
objects := $(addprefix out/,$(addsuffix .o,$(units)))
libraries := $(foreach d,core net ui test,out/lib$d.a)
define library
out/lib$(1).a: $$(filter out/$(1)/%,$$(objects))
	ar rcs $$@ $$^
clean-$(1):
	rm -f out/lib$(1).a $$(filter out/$(1)/%,$$(objects))
endef
all: out/program out/program.map
out/program: $(libraries)
	cc -o $@ $(patsubst out/lib%.a,-l%,$^)
out/%.map: out/%
	nm $< | sort > $@
$(foreach d,core net ui test,$(eval $(call library,$d)))
out/%.o: %.c
	@mkdir -p $(@D)
	cc $(flags) $(flags-$(firstword $(subst /, ,$*))) -c -o $@ $<
%.c: ;
flags := -O2 -g $(addprefix -W,all extra shadow conversion)
flags-ui = -DUI $(if $(filter-out 0,$(DEBUG)),-DDEBUG)
flags-net = -DNET $(subst -,_,$(shell echo net-$(words $(units))))
.PHONY: all clean-core clean-net clean-ui clean-test
.SECONDARY:
