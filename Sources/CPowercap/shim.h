#include <powercap.h>
#include <powercap-sysfs.h>
