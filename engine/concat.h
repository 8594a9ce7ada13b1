/* What building and planning a graph do for vis_concat(). */
#ifndef VIS_ENGINE_CONCAT_H
#define VIS_ENGINE_CONCAT_H

#include "engine/graph.h"

/* After the last node, before wholes are laid out: gives them the lifetimes and halos that their
 * parts need. */
void vis_concat_join(struct vis_graph *g);

/* After wholes are laid out: gives parts their strides and origins there. Fails the graph with
 * VISEME_ERR_INTERNAL where a node reads or writes a part and its operation cannot. */
void vis_concat_lay_out(struct vis_graph *g);

#endif
