#include "cli/profile.h"

static void print_row(FILE *to, const char *name, const char *algorithm, double seconds,
                      double flop, double total)
{
    fprintf(to, "%-24s %-24s %10.3f ", name, algorithm, 1e3 * seconds);
    if (flop > 0 && seconds > 0)
        fprintf(to, "%10.1f ", 1e-9 * flop / seconds);
    else
        fprintf(to, "%10s ", "-");
    fprintf(to, "%6.1f %%\n", total > 0 ? 100 * seconds / total : 0.0);
}

void vis_profile_print(FILE *to, const viseme_session *session, const viseme_model *model)
{
    viseme_profile_node node;
    double seconds = 0, flop = 0;
    for (size_t i = 0; viseme_session_profile(session, i, &node); i++) {
        seconds += node.seconds;
        flop += node.flop;
    }
    fprintf(to, "%-24s %-24s %10s %10s %8s\n", "node", "algorithm", "ms", "GFLOP/s", "share");
    for (size_t i = 0; viseme_session_profile(session, i, &node); i++)
        print_row(to, node.name ? node.name : "-", node.algorithm ? node.algorithm : "-",
                  node.seconds, node.flop, seconds);
    print_row(to, "all", viseme_cpu_name(viseme_model_cpu(model)), seconds, flop, seconds);
    fprintf(to, "running memory %.1f MiB, packed weights %.1f MiB\n",
            (double)viseme_session_arena_bytes(session) / (1 << 20),
            (double)viseme_model_packed_bytes(model) / (1 << 20));
}
