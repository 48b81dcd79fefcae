package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/splitboard/splitboard/internal/store"
	"github.com/splitboard/splitboard/internal/transfer"
)

// What --seed takes beside a file's name.
const (
	seedSample = "sample"
	seedNone   = "none"
)

// seed fills the stores if they are empty. A board that holds anything else is left
// alone as a whole, so that no sample's threads are put to somebody's users.
func (p *Process) seed() error {
	targets := importTargets(&p.binary, p.config.Data)
	for i, t := range targets {
		if !p.locked[p.binary.Services[i].Name] {
			continue
		}
		if err := transfer.Sweep(t.Path); err != nil {
			return err
		}
	}
	if p.config.Seed == "" || p.config.Seed == seedNone {
		return nil
	}
	for _, s := range p.binary.Services {
		if !p.locked[s.Name] {
			return nil // another process serves a part of the board
		}
	}
	// Asked first: a long file is not read at every start for nothing.
	if empty, err := anyEmpty(targets); err != nil || !empty {
		return err
	}
	r, err := p.openSeed()
	if r == nil || err != nil {
		return err
	}
	results, err := transfer.Import(p.starting, p.config.Seed, r, targets, transfer.Options{})
	if err := errors.Join(err, r.Close()); errors.Is(err, transfer.ErrNotEmpty) {
		p.log.Info("not seeded", "because", err)
		return nil
	} else if err != nil {
		return fmt.Errorf("--seed: %w", err)
	}
	for _, r := range results {
		if r.Outcome == transfer.Loaded {
			p.log.Info("seeded", "store", r.Section, "records", r.Records, "from", p.config.Seed)
		}
	}
	return nil
}

// anyEmpty tells whether a store is missing or has never been written to.
func anyEmpty(targets []transfer.Target) (bool, error) {
	for _, t := range targets {
		info, err := store.Peek(t.Path)
		if errors.Is(err, store.ErrMissing) || err == nil && info.Sequence == 0 {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// openSeed opens what the stores are filled with. It is nil if there is no sample.
func (p *Process) openSeed() (io.ReadSeekCloser, error) {
	if p.config.Seed != seedSample {
		f, err := openRegular(p.config.Seed)
		if err != nil {
			return nil, fmt.Errorf("--seed: %w", err)
		}
		return f, nil
	}
	board := make(map[string]json.RawMessage)
	for _, s := range p.binary.Services {
		if s.Sample == nil {
			continue
		}
		if err := json.Unmarshal(s.Sample, &board); err != nil {
			return nil, fmt.Errorf("the sample of %s: %w", s.Name, err)
		}
	}
	if len(board) == 0 {
		return nil, nil
	}
	whole, err := json.Marshal(board)
	return memoryFile{bytes.NewReader(whole)}, err
}

// A memoryFile is a file that is nowhere on the disk.
type memoryFile struct{ *bytes.Reader }

func (memoryFile) Close() error { return nil }
