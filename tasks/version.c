#include "viseme.h"

#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)

const char *viseme_version(void)
{
    return TEXT(VISEME_VERSION_MAJOR) "." TEXT(VISEME_VERSION_MINOR) "." TEXT(VISEME_VERSION_PATCH);
}
