package sim

import "syscall"

// directoryOnly is the flag of OpenFile that refuses files. Only Linux has it everywhere.
const directoryOnly = syscall.O_DIRECTORY
