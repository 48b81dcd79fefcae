package cast

import "os"

// memory is where Linux keeps files in memory.
const memory = "/dev/shm"

// Folder makes a folder for a board, whose path is short: sockets are made below it. It is
// in memory, where the system has a place for that, unless it shall be on the disk. A disk
// that others keep busy may take seconds to sync, which ends processes that know nothing of
// the others; in memory a test is about the processes alone.
func Folder(onDisk bool) (string, error) {
	if !onDisk {
		if folder, err := os.MkdirTemp(memory, "sb"); err == nil {
			return folder, nil
		}
	}
	return os.MkdirTemp("/tmp", "sb")
}
