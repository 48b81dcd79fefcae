package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

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
	if p.config.Seed == "" || p.config.Seed == seedNone || len(p.binary.Services) == 0 {
		return nil
	}
	if p.config.Seed == seedSample && !slices.ContainsFunc(p.binary.Services, func(s Service) bool { return len(s.Sample) > 0 }) {
		return nil
	}
	targets := importTargets(&p.binary, p.config.Data)
	// Asked first: a long file is not read at every start for nothing.
	if empty, err := anyEmpty(targets); err != nil || !empty {
		return err
	}
	r, err := p.openSeed()
	if err != nil {
		return fmt.Errorf("--seed %s: %w", p.config.Seed, err)
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

// openSeed opens what the stores are filled with.
func (p *Process) openSeed() (io.ReadSeekCloser, error) {
	if p.config.Seed != seedSample {
		return os.Open(p.config.Seed)
	}
	board := make(map[string]json.RawMessage)
	for _, s := range p.binary.Services {
		if len(s.Sample) == 0 {
			continue
		}
		if err := json.Unmarshal(s.Sample, &board); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	whole, err := json.Marshal(board)
	if err != nil {
		return nil, err
	}
	return struct {
		io.ReadSeeker
		io.Closer
	}{bytes.NewReader(whole), io.NopCloser(nil)}, nil
}
