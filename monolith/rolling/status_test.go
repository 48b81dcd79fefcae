package rolling

import (
	"encoding/json"
	"testing"
)

// A boardStatus is what the command status tells.
type boardStatus struct {
	Stores []struct {
		Served bool          `json:"served"`
		Owner  processStatus `json:"owner"`
		Store  struct {
			Epoch         int `json:"epoch"`
			SchemaVersion int `json:"schemaVersion"`
			MinReader     int `json:"minReader"`
		} `json:"store"`
	} `json:"stores"`
	Processes []processStatus `json:"processes"`
}

type processStatus struct {
	Instance string `json:"instance"`
	Stores   []struct {
		State   string `json:"state"`
		Refusal string `json:"refusal"`
	} `json:"stores"`
}

// A standing is how the store stands.
type standing struct {
	owner                    string // its instance; empty if there is none
	epoch, schema, minReader int
}

// status asks a version's program how things stand.
func (v version) status(t *testing.T, data string) boardStatus {
	t.Helper()
	var s boardStatus
	code, out, errs := v.run(t, "status", "--json", "--data", data)
	if err := json.Unmarshal([]byte(out), &s); err != nil || len(s.Stores) != 1 {
		t.Fatalf("status: exit %d, %v\n%s%s", code, err, out, errs)
	}
	if served := s.Stores[0].Served; served != (code == 0) {
		t.Errorf("status says %v about whether the store is served, and exits with %d", served, code)
	}
	return s
}

func (s *boardStatus) standing() standing {
	is := s.Stores[0]
	return standing{is.Owner.Instance, is.Store.Epoch, is.Store.SchemaVersion, is.Store.MinReader}
}

// of gives what a process is to the store, and why it does not take it over.
func (s *boardStatus) of(p *process) (state, refusal string) {
	for _, is := range s.Processes {
		if is.Instance == p.instance && len(is.Stores) == 1 {
			return is.Stores[0].State, is.Stores[0].Refusal
		}
	}
	return "", ""
}
