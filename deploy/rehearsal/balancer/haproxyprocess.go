package balancer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/splitboard/splitboard/deploy/rehearsal/child"
)

// How long haproxy may take to start and to end.
const (
	haproxyStart = 10 * time.Second
	haproxyEnd   = 5 * time.Second
)

// start runs haproxy until it answers.
func (h *HAProxy) start(ctx context.Context, program string) error {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer ln.Close()
	h.addr = ln.Addr().String()
	tcp, ok := ln.(*net.TCPListener)
	if !ok {
		return fmt.Errorf("%T cannot be handed on", ln)
	}
	// haproxy inherits the listener, so that nobody can take its port.
	file, err := tcp.File()
	if err != nil {
		return err
	}
	defer file.Close()
	rules, err := renderRules(h.setup, h.table)
	if err != nil {
		return err
	}
	config := filepath.Join(h.dir, "haproxy.cfg")
	if err := errors.Join(
		os.WriteFile(h.rulesFile(), []byte(rules), 0o600),
		os.WriteFile(config, []byte(renderConfig(h.setup, string(h.api), h.rulesFile(), h.scale)), 0o600),
	); err != nil {
		return err
	}
	h.process = exec.CommandContext(context.WithoutCancel(ctx), program, "-db", "-f", config) //nolint:gosec // it is haproxy
	h.process.ExtraFiles = []*os.File{file}
	h.process.Stderr = h.output
	child.DieWithParent(h.process)
	if err := h.process.Start(); err != nil {
		return err
	}
	go func() {
		_ = h.process.Wait()
		close(h.exited)
	}()
	return h.awaitStart(ctx)
}

// awaitStart waits until haproxy answers on its socket, and kills it if it does not.
func (h *HAProxy) awaitStart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, haproxyStart)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		_, err := h.api.ask(ctx, "show version")
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-h.exited:
			return fmt.Errorf("haproxy ended: %v: %s", h.process.ProcessState, h.output.Bytes())
		case <-ctx.Done():
			_ = h.process.Process.Kill()
			<-h.exited
			return fmt.Errorf("haproxy does not answer: %w: %s", err, h.output.Bytes())
		}
	}
}

func (h *HAProxy) rulesFile() string { return filepath.Join(h.dir, "rules.map") }

// Close ends haproxy, also with requests that are not over.
func (h *HAProxy) Close() error {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return errors.New("the balancer is closed")
	}
	h.closed = true
	h.mu.Unlock()
	h.stop()
	h.running.Wait()
	err := h.process.Process.Signal(syscall.SIGTERM)
	late := time.NewTimer(haproxyEnd)
	defer late.Stop()
	select {
	case <-h.exited:
	case <-late.C:
		err = errors.Join(errors.New("haproxy did not end and was killed"), h.process.Process.Kill())
		<-h.exited
	}
	return errors.Join(err, os.RemoveAll(h.dir))
}
