package admin

import "golang.org/x/sys/unix"

// freeBytes gives the bytes free on dir's disk.
func freeBytes(dir string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return st.Bavail * uint64(st.Bsize), nil //nolint:gosec // a block's size is positive; its type differs between systems
}
