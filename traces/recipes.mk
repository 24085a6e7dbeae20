# recipes.mk - where the traces come from; included by the Makefile.
#
#   make generate   writes the generated traces again, byte for byte
#   make record     records the recorded ones again with the programs of this
#                   machine (they will differ; record-NAME does one)
#
# traces/README.md has the table of all traces. CC, CXX and B (the build
# folder) are the Makefile's.
CC ?= gcc
CXX ?= g++
B ?= build

TRACES_WARN = -O2 -g -Wall -Wextra -Wshadow -Wconversion
RECORDER = $(B)/record.so
GENERATOR = $(B)/generate

# -fno-builtin: a compiler may turn malloc and memset into calloc, which in the
# recorder would be calls of itself.
$(RECORDER): $(wildcard preload/record*.[ch])
	@mkdir -p $(B)
	$(say)
	$(Q)$(CC) -std=gnu11 $(TRACES_WARN) -fPIC -shared -fvisibility=hidden \
		-fno-builtin $(filter %.c,$^) -o $@ -ldl -pthread

$(GENERATOR): $(wildcard traces/generator/*.[ch]pp)
	@mkdir -p $(B)
	$(say)
	$(Q)$(CXX) -std=c++20 $(TRACES_WARN) $(filter %.cpp,$^) -o $@

# ---- Generated -------------------------------------------------------------

# A line: the trace's name, then the generator's arguments.
define GENERATED
tiny              random ops=400 lo=1 hi=64 live=25
random            random ops=9000 lo=1 hi=4000 live=700
random-octaves    random seed=2 ops=4000 lo=0 hi=2M sizes=octaves live=90 balanced=0
random-large      random seed=3 ops=6000 lo=1 hi=32K live=2000 resize=5
program           program ops=25000 balanced=0
program-long      program seed=2 ops=105000 kinds=14 tail=2 young=80 balanced=0
strings-30k       strings ops=6000 bytes=30K
strings-120k      strings seed=2 ops=12000 bytes=120K lo=4 append=30
strings-500k      strings seed=3 ops=20000 bytes=500K append=5 balanced=0
strings-1500k     strings seed=4 ops=44500 bytes=2M lo=40 append=10 balanced=0
phases            phases count=500 phases=10
stack             stack ops=9000
queue             queue ops=9000 live=300
queue-bursts      queue seed=2 ops=8000 lo=100 hi=20000 live=400 burst=60
batch-lifo        batch rounds=8 count=400 order=lifo
batch-fifo        batch seed=2 rounds=8 count=400 order=fifo lo=200 hi=5000
batch-random      batch seed=3 rounds=8 count=400 order=random
pairs             pairs count=1500
pairs-small       pairs small=24 large=700 freed=small percent=180 count=1300 order=random rounds=2
pairs-wide        pairs small=100 large=6000 next=6500 count=900 balanced=0
coalesce          coalesce groups=250 rounds=2
coalesce-random   coalesce seed=2 size=900 members=10 groups=100 order=random rounds=3
nearmiss          nearmiss holes=1500 requests=1500
nearmiss-small    nearmiss size=72 short=8 holes=2500 requests=1000 balanced=0
grow              grow limit=3M rounds=8
grow-steps        grow by=step step=1000 limit=600000 between=2 rounds=2 trim=yes
growmany          growmany buffers=60
growmany-turns    growmany seed=2 by=step step=300 start=100 limit=16K buffers=50 order=turns balanced=0
tables            tables ops=12000
matrix            matrix ops=900 live=60
aligned           aligned ops=5000
threaded/producer         producer ops=5000
threaded/producer-deep    producer seed=2 ops=5000 threads=4 depth=700 lo=8 hi=200
threaded/shared-nothing   shared-nothing ops=6000 live=200
threaded/threadmix        threadmix ops=6000
threaded/threadmix-cross  threadmix seed=2 ops=5000 threads=2 cross=100 lo=1 hi=64K live=60 balanced=0
endef
export GENERATED

.PHONY: generate
generate: $(GENERATOR)
	@printf '%s\n' "$$GENERATED" | while read -r name arguments; do \
		$(GENERATOR) $$arguments > traces/$$name.rep || exit 1; \
	done

# ---- Recorded --------------------------------------------------------------

RECORDED = bash bc cc1 cc1plus cmake git jq make perl pipeline python \
	python-arenas sort sqlite xmllint
.PHONY: record $(RECORDED:%=record-%)
record: $(RECORDED:%=record-%)

INPUT = traces/input

# Programs of the system, in a bare environment: nobody's settings show.
BARE = env -i PATH=/usr/local/bin:/usr/bin:/bin LC_ALL=C HOME=/nonexistent

# $(call record,TRACE,PROGRAM,SETTINGS,COMMAND): runs COMMAND under the
# recorder (whose header has blanks, and blank lines may follow the last one),
# and keeps the trace if it went well. $(call record_with,..) has COMMAND put
# $$PRELOAD, the recorder's settings, in front of the program itself.
define record
$(call record_with,$(1),$(2),$(3) $$PRELOAD $(4))
endef
define record_with
@$(BARE) sh -c 'command -v $(2)' > /dev/null || { echo \
	"record: no $(2) here; traces/$(1).rep stays as it is"; exit 0; }; \
raw="$(abspath $(B))/record-$(notdir $(1))"; \
rm -f $$raw.rep; \
PRELOAD="LD_PRELOAD=$(abspath $(RECORDER)) RECORD=$$raw.rep"; \
PRELOAD="$$PRELOAD RECORD_CHILDREN=no"; \
$(BARE) $(3) > $$raw.out 2>&1 || { echo \
	"record: $(2) failed (see $$raw.out); traces/$(1).rep stays as it is"; \
	exit 0; }; \
sed -e '1,4s/^ *//' -e '/^$$/d' $$raw.rep > traces/$(1).rep; \
echo "traces/$(1).rep: `sed -n 3p traces/$(1).rep` operations"
endef

record-bash: $(RECORDER)
	$(call record,bash,bash,,bash $(INPUT)/report.sh)

record-bc: $(RECORDER)
	$(call record,bc,bc,,bc -q $(INPUT)/primes.bc)

# The driver calls the compiler proper through -wrapper.
WRAP = -wrapper "env,`echo $$PRELOAD | tr ' ' ,`"
record-cc1: $(RECORDER)
	$(call record_with,cc1,gcc,gcc -O1 -S $(WRAP) $(INPUT)/tree.c \
		-o /dev/null)

record-cc1plus: $(RECORDER)
	$(call record_with,cc1plus,g++,g++ -O0 -S $(WRAP) $(INPUT)/shapes.cpp \
		-o /dev/null)

record-cmake: $(RECORDER)
	$(call record,cmake,cmake,,cmake -P $(INPUT)/graph.cmake)

# A repository of twelve commits.
COMMIT = git -c user.name=nobody -c user.email=nobody@localhost \
	-c commit.gpgsign=false commit -qm
$(B)/repository: $(wildcard $(INPUT)/*)
	@rm -rf $@ && git init -q $@
	@for n in 1 2 3 4 5 6 7 8 9 10 11 12; do \
		for file in $(INPUT)/*; do \
			tail -n +$$((3 * n)) $$file | head -n $$((9 * n)) \
				> $@/$${file##*/}; \
		done; \
		(cd $@ && git add . && GIT_COMMITTER_DATE=2024-01-$$((10 + n))T12:00:00Z \
			$(COMMIT) "change $$n" --date=2024-01-$$((10 + n))T12:00:00Z); \
	done
record-git: $(RECORDER) $(B)/repository
	$(call record,git,git,,git -C $(B)/repository log -p --stat -M --graph)

record-jq: $(RECORDER)
	$(call record,jq,jq,,jq -n -f $(INPUT)/sales.jq)

record-make: $(RECORDER)
	$(call record,make,make,,make -rn -f $(INPUT)/project.mk)

record-perl: $(RECORDER)
	$(call record,perl,perl,PERL_HASH_SEED=0,perl $(INPUT)/words.pl)

$(B)/pipeline: $(INPUT)/pipeline.c
	@mkdir -p $(B)
	$(say)
	$(Q)$(CC) -O1 -pthread $< -o $@
record-pipeline: $(RECORDER) $(B)/pipeline
	$(call record,threaded/pipeline,sh,,$(B)/pipeline)

# Python allocates its small objects from arenas of its own; once without.
record-python: $(RECORDER)
	$(call record,python,python3,PYTHONMALLOC=malloc PYTHONHASHSEED=0,\
		python3 -S -B $(INPUT)/shop.py)
record-python-arenas: $(RECORDER)
	$(call record,python-arenas,python3,PYTHONHASHSEED=0,\
		python3 -S -B $(INPUT)/shop.py)

# So little memory that it sorts parts into files and merges them.
$(B)/numbers.txt:
	@mkdir -p $(B)
	seq 20000 | awk '{ print $$1 * 7919 % 20011, "line", $$1 }' > $@
record-sort: $(RECORDER) $(B)/numbers.txt
	$(call record,sort,sort,,sort -S 32K --parallel=1 --batch-size=4 \
		-T $(B) -k1n $(B)/numbers.txt)

record-sqlite: $(RECORDER)
	$(call record,sqlite,sqlite3,,sqlite3 -init /dev/null :memory: \
		".read $(INPUT)/shop.sql")

LIBRARY = $(INPUT)/library.xml
record-xmllint: $(RECORDER)
	$(call record,xmllint,xmllint,,xmllint --valid --format \
		$(foreach n,1 2 3 4 5 6 7 8 9 10 11 12,$(LIBRARY)))
