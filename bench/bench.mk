# Benchmarks: viseme against its peers. Results of `make bench` go to bench/results/.
BENCH_BIN := $(addprefix $(BUILD)/bench/,bench_net gemm peak search)

$(BUILD)/bench/%: $(BUILD)/obj/bench/%.o $(call obj,$(FMA_SRC)) $(BUILD)/libviseme.a
	@mkdir -p $(@D)
	$(call say,ld)
	$(link) $(LIB_LIBS)

.PHONY: bench bench-programs
bench-programs: $(BENCH_BIN)
bench: deps-bench
	@$(SUBMAKE) all bench-programs
	@$(PYTHON) bench/run --build $(BUILD) $(BENCH_ARGS)

# How right it is, on a rendered test set and on the clips of ../shared.
.PHONY: bench-accuracy
bench-accuracy:
	@$(DEPS) build synth
	@$(SUBMAKE) all
	@$(PYTHON) bench/accuracy/run --program $(BUILD)/viseme $(BENCH_ARGS)
