package serve

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestProgressOnTerminal(t *testing.T) {
	terminal, screen := openTerminal(t)
	var out syncBuffer
	if code := run(boardBinary(), []string{"import", "--data", t.TempDir(), write(t, wholeJSON)}, &out, terminal); code != 0 {
		t.Fatal(code)
	}
	if err := terminal.Close(); err != nil {
		t.Fatal(err)
	}
	if got := screen(); !strings.Contains(got, "importing board.json") || !strings.Contains(got, "%") {
		t.Errorf("the terminal shows %q", got)
	}
	if strings.Contains(out.String(), "importing") {
		t.Errorf("standard output has the progress: %q", out.String())
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	if progress, _ := progressBar(file, "importing"); progress != nil {
		t.Error("there is progress on a file")
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}

// openTerminal makes a terminal, and a function that waits for its end and gives what it
// has shown.
func openTerminal(t *testing.T) (terminal *os.File, screen func() string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	shown := make(chan string, 1)
	go func() {
		var b bytes.Buffer
		_, _ = io.Copy(&b, master) // ends with EIO when the terminal is closed
		shown <- b.String()
	}()
	t.Cleanup(func() { _ = master.Close() })
	return terminal, func() string { return <-shown }
}
