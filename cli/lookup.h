/* Where weights, face cascades, grammars and language models are looked for. */
#ifndef VIS_CLI_LOOKUP_H
#define VIS_CLI_LOOKUP_H

#include "base/error.h"

/* Finds a weights file. given: the value of -m, or NULL. name: the file's usual name, such as
 * "lipnet.safetensors". In this order: `given`; $VISEME_WEIGHTS (a file, or a folder that holds
 * `name`); weights/ beside the folder of the running program; share/viseme/ there. The first of
 * these that is set decides: a name given by the user is never replaced by another.
 * *path: free with free(); NULL on failure. A failure is one line on standard error that names
 * every place tried.
 * Returns VISEME_OK, VISEME_ERR_MODEL or VISEME_ERR_NOMEM. */
viseme_status vis_find_weights(char **path, const char *given, const char *name);

/* Finds the weights of a face network by their usual name, in the same places (a $VISEME_WEIGHTS
 * that is a file says nothing of them). When they are not there: *path is NULL and VISEME_OK is
 * returned, or, if they are `needed`, a failure as above. */
viseme_status vis_find_face_weights(char **path, const char *name, int needed);

/* Finds the picture of an avatar that comes with viseme: NAME.png in assets/avatars/ beside the
 * folder of the running program, or in share/viseme/avatars/ there. *path: free with free().
 * A failure is one line on standard error that lists the avatars there are, and
 * VISEME_ERR_ARGUMENT or VISEME_ERR_NOMEM. */
viseme_status vis_find_avatar(char **path, const char *name);

/* Finds and reads the face cascade, an XML file of OpenCV. In this order: `given` (--cascade);
 * $VISEME_CASCADE; the folders of Debian's package opencv-data; share/viseme/ beside the folder
 * of the running program. *text: free with free(). Failures as above. */
viseme_status vis_read_cascade(char **text, size_t *bytes, const char *given);

/* Reads a grammar. given: a path when it has a slash or a dot in it; else a name, and NAME.txt is
 * looked for in grammars/ beside the weights (`weights`: their path), in grammars/ beside the
 * folder of the running program, and in share/viseme/grammars/ there. *text: free with free().
 * A failure is one line on standard error and VISEME_ERR_ARGUMENT, VISEME_ERR_LIMIT or
 * VISEME_ERR_NOMEM. */
viseme_status vis_read_grammar(char **text, size_t *bytes, const char *given, const char *weights);

/* Reads a language model from a path. Failures as of weights, or VISEME_ERR_LIMIT. */
viseme_status vis_read_lm(char **text, size_t *bytes, const char *path);

#endif
