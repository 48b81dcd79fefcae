package lease

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/splitboard/splitboard/internal/disk"
)

const (
	socketSuffix = ".sock"
	// bindSuffix is what a socket is called until it listens. It is no longer than
	// socketSuffix.
	bindSuffix = ".bind"
)

// maxSocketPath is what fits into a socket's address beside its terminating NUL: 107
// bytes on Linux.
const maxSocketPath = len(syscall.RawSockaddrUnix{}.Path) - 1

// ErrPathTooLong says that the data folder is too deep for a unix socket.
var ErrPathTooLong = errors.New("the data folder's path is too long for a unix socket")

// SocketPath gives the path of an instance's socket in dir.
func SocketPath(dir, instance string) string {
	return filepath.Join(dir, instance+socketSuffix)
}

// Listen makes an instance's socket in dir, open to its own user only. A socket that
// has its name listens: it is bound under another one before. Closing the listener
// leaves the file, which is [RemoveSocket]'s. It returns ErrPathTooLong or what the
// system said.
func Listen(ctx context.Context, dir, instance string) (net.Listener, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	path := SocketPath(dir, instance)
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("%w: %s has %d bytes, at most %d are possible; choose a shorter --data",
			ErrPathTooLong, path, len(path), maxSocketPath)
	}
	tmp := strings.TrimSuffix(path, socketSuffix) + bindSuffix
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "unix", tmp)
	if err != nil {
		return nil, err
	}
	err = os.Chmod(tmp, 0o600)
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return nil, errors.Join(err, ln.Close(), disk.Remove(tmp))
	}
	return ln, nil
}

// RemoveSocket removes an instance's socket from dir.
func RemoveSocket(dir, instance string) error { return disk.Remove(SocketPath(dir, instance)) }

// InstanceOf gives the instance whose socket has a path.
func InstanceOf(path string) string {
	return strings.TrimSuffix(filepath.Base(path), socketSuffix)
}

// instances gives the ids of those who have sockets in dir. They may be dead.
func instances(dir string) []string {
	paths := glob(dir, "*"+socketSuffix)
	for i, path := range paths {
		paths[i] = InstanceOf(path)
	}
	return paths
}

// Sockets gives the sockets in dir, the owner's first if the hint names one. Nobody
// may be listening on them.
func Sockets(dir string) []string {
	paths := glob(dir, "*"+socketSuffix)
	if o, err := ReadOwner(dir); err == nil {
		first := SocketPath(dir, o.Instance)
		for i, p := range paths {
			if p == first {
				paths[0], paths[i] = paths[i], paths[0]
			}
		}
	}
	return paths
}

// Listens tells whether somebody listens on a socket. That nobody does, because the process
// was killed or has just removed it, is no error.
func Listens(path string, timeout time.Duration) (bool, error) {
	dialer := net.Dialer{Timeout: timeout}
	conn, err := dialer.Dial("unix", path)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, os.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, conn.Close()
}

// DialSocket returns a gRPC connection to the process that listens on a socket.
func DialSocket(path string, with ...grpc.DialOption) (*grpc.ClientConn, error) {
	// The path goes to a dialer, because in a target some characters would need escapes.
	return grpc.NewClient("passthrough:///localhost", append(with,
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		}),
		grpc.WithTransportCredentials(insecure.NewCredentials()))...)
}

// BackupSuffix ends the name of a copy that a holder makes in the folder while it is
// being sent.
const BackupSuffix = ".backup.tmp"

// sweepAfter is how old a socket must be that another process may be binding.
const sweepAfter = time.Minute

// sweepSockets removes the sockets that killed processes left in dir. One that has its
// name and refuses a connection is dead. What cannot be removed stays for the next
// sweep.
func sweepSockets(dir string) {
	for _, path := range glob(dir, "*"+socketSuffix) {
		if living, err := Listens(path, time.Second); !living && err == nil {
			_ = os.Remove(path)
		}
	}
	for _, path := range glob(dir, "*"+bindSuffix) {
		if fi, err := os.Lstat(path); err == nil && time.Since(fi.ModTime()) > sweepAfter {
			_ = os.Remove(path)
		}
	}
}

// sweepFiles removes the half-made files that killed holders of the lock left in dir.
// Only the holder may do it: it alone makes such files.
func sweepFiles(dir string) {
	for _, path := range append(glob(dir, "*"+hintSuffix), glob(dir, "*"+BackupSuffix)...) {
		_ = os.Remove(path)
	}
}

// glob gives the paths in dir whose names match a pattern.
func glob(dir, pattern string) []string {
	// What is special in a pattern is not in a folder's name.
	dir = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
	paths, _ := filepath.Glob(filepath.Join(dir, pattern)) // the pattern is well-formed
	return paths
}
