# make itself: jobs, recursion and their tokens, errors, interruption, functions that run programs.
cat >Makefile <<'end'
.PHONY: all sub broken show bash
all: a.out b.out c.out sub
	@echo made $(words $^)
%.out: %.in
	@tr a-z A-Z <$< >$@
%.in:
	@echo text of $* >$@
.SECONDARY:
sub:
	@$(MAKE) --no-print-directory -C folder
broken:
	@exit 3
unfinished:
	@echo partly >$@; exit 1
interrupted:
	@echo partly >$@; kill -TERM $$PPID; exec sleep 50
many: $(foreach i,1 2 3 4 5 6 7 8 9 10 11 12,job-$i)
job-%:
	@sleep 0.0$*; echo $* >$@
.DELETE_ON_ERROR:
versions := $(shell seq 3 | tr '\n' ' ')
show:
	@echo '$(versions)' '$(origin CC)' '$(.SHELLSTATUS)' '$(MAKELEVEL)'
bash: SHELL := /bin/bash
bash:
	@diff <(echo 1) <(echo 2) || echo differ $$?
end
mkdir folder
printf 'all: x y\n\t@echo sub made $^ at $(MAKELEVEL)\nx y:\n\t@sleep 0.1; echo $@ >$@\n' >folder/Makefile
make -j3
make -j3
rm a.out
make -s
make -n -W b.in
make -j4 many
make show
make -k broken unfinished show || echo "status $?"
ls unfinished 2>/dev/null || echo "unfinished is gone"
make interrupted || echo "status $?"
ls interrupted 2>/dev/null || echo "interrupted is gone"
make absent || echo "status $?"
make -j2 -O -C folder -B
make bash
bash -c 'set -m; make -B -j2 many & wait $! && echo "made as a job"; jobs'
timeout 0.5 make -f <(printf 'all:\n\t@sleep 50\n') >timeout.log 2>&1 || echo "status $?"
rm timeout.log
make -q all && echo "up to date" || echo "not up to date: $?"
make --version | head -n 1
make -pn -f /dev/null 2>/dev/null | grep -c '^[A-Z]'
