// Package emulator runs the emulator, a Python program: moto, with what it lacks.
package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// startTimeout is how long it may take to import all of moto.
	startTimeout = time.Minute
	// answerTimeout is how long it may take to answer.
	answerTimeout = 20 * time.Second
)

// An Emulator is one that runs.
type Emulator struct {
	// Addr is where it listens: HOST:PORT.
	Addr string

	program *program
}

// Start runs the emulator, whose program is in the folder, until it answers. registry is
// the address that repositories in ECR shall have.
func Start(ctx context.Context, folder, registry string) (*Emulator, error) {
	p, port, err := run(ctx, folder, "", []string{"EMULATED_REGISTRY=" + registry})
	if err != nil {
		return nil, err
	}
	return &Emulator{Addr: "127.0.0.1:" + port, program: p}, nil
}

// Close ends it.
func (e *Emulator) Close() error { return e.program.close() }

// Log gives what it has said.
func (e *Emulator) Log() string { return e.program.said.String() }

// Boot lets the instances that have come up run what their user data says.
func (e *Emulator) Boot(ctx context.Context) error {
	return e.ask(ctx, "boot", struct{}{}, nil)
}

// Push enters what is pushed to the registry in ECR, which may refuse it.
func (e *Emulator) Push(ctx context.Context, pushed any) error {
	return e.ask(ctx, "push", pushed, nil)
}

// Inventory lists all that there is in the account, the region's own things among them.
func (e *Emulator) Inventory(ctx context.Context, region string) ([]string, error) {
	var lines []string
	return lines, e.ask(ctx, "inventory", map[string]string{"region": region}, &lines)
}

// ask posts what is given as JSON, and reads the answer, if it is wanted.
func (e *Emulator) ask(ctx context.Context, what string, given, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	body, err := json.Marshal(given)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+e.Addr+"/played/"+what, bytes.NewReader(body))
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", what, res.Status, text)
	}
	if err != nil || answer == nil {
		return err
	}
	return json.Unmarshal(text, answer)
}
