#include <libcontrol/loader.h>
