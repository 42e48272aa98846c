// Who may read what is loaded: files and folders of a directory sink get 0644 and 0755 less this
// mask, where one is set, else less the process's own. Set before the first thread.
#pragma once

#include <sys/types.h>

namespace daybook {

void set_readers_umask(mode_t mask);

}  // namespace daybook
