#include <libcontrol/runtime.h>
