/* The edges of a network: between the caller's dense tensors, in the axis order of the original
 * network, and the engine's haloed [N T H W C]. */
#ifndef VIS_ENGINE_EDGE_H
#define VIS_ENGINE_EDGE_H

#include "engine/graph.h"

/* Shape of a port in its own axis order; returns the rank. */
int vis_edge_shape(const struct vis_graph *g, const struct vis_port *port, int64_t shape[8]);

/* Copies the caller's dense `data` into the port's value, or the value into `data`. */
void vis_edge_read(const struct vis_run *run, const struct vis_port *port, const float *data);
void vis_edge_write(const struct vis_run *run, const struct vis_port *port, float *data);

/* Zeroes the halo of a value; of a concatenation once, with its first part. */
void vis_edge_zero_halo(const struct vis_run *run, vis_val v);

#endif
