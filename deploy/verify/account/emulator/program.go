package emulator

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// A program is a Python program that ends when its standard input does.
type program struct {
	cmd   *exec.Cmd
	alive io.Closer // its standard input
	said  *words
}

// run runs a module of the package in the folder until it prints a line, which it gives.
func run(ctx context.Context, folder, module string, env []string, args ...string) (p *program, line string, err error) {
	python, err := exec.LookPath("python3")
	if err != nil {
		return nil, "", err
	}
	module = strings.TrimSuffix(filepath.Base(folder)+"."+module, ".")
	// It outlives the call, and its context.
	//nolint:gosec // the modules are this package's
	cmd := exec.CommandContext(context.WithoutCancel(ctx), python, append([]string{"-m", module}, args...)...)
	cmd.Dir = filepath.Dir(folder)
	cmd.Env = append(append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1"), env...)
	p = &program{cmd: cmd, said: new(words)}
	cmd.Stderr = p.said
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, "", err
	}
	p.alive = stdin
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	lines := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(stdout).ReadString('\n') // nothing if it ends before
		lines <- strings.TrimSpace(line)
	}()
	select {
	case line = <-lines:
	case <-time.After(startTimeout):
	}
	if line == "" {
		return nil, "", errors.Join(fmt.Errorf("%s does not start:\n%s", module, p.said), p.close())
	}
	return p, line, nil
}

// close ends it.
func (p *program) close() error {
	_ = p.alive.Close() // that it has ended already is as good
	timer := time.AfterFunc(answerTimeout, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	return p.cmd.Wait()
}

// words are what a program says.
type words struct {
	mu   sync.Mutex
	said bytes.Buffer
}

func (w *words) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said.Write(b)
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said.String()
}
