package cast

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestStatus(t *testing.T) {
	var s Status
	err := json.Unmarshal([]byte(`{"stores":[{"service":"users","served":true,"owner":{"instance":"i1","binary":"monolith","pid":7},
		"store":{"uuid":"u","epoch":3,"sequence":9,"checksum":"00ff","answersFromKeys":2}}],
		"processes":[{"instance":"i2","binary":"users","pid":8,"draining":true,"stores":[{"service":"users","state":"CANDIDATE","owner":"i1","held":4,"forwarded":5,"longestHold":"12ms"}]}]}`), &s)
	if err != nil {
		t.Fatal(err)
	}
	st, ok := s.Store("users")
	if !ok || !st.Served || st.Owner.Instance != "i1" || st.Owner.PID != 7 || st.Store.Epoch != 3 || st.Store.AnswersFromKeys != 2 {
		t.Errorf("the store is %+v, %t", st, ok)
	}
	if _, ok := s.Store("posts"); ok {
		t.Error("there is a store of posts")
	}
	p := s.Processes[0]
	want := RoleStatus{Service: "users", State: "CANDIDATE", Owner: "i1", Held: 4, Forwarded: 5, LongestHold: Duration(12 * time.Millisecond)}
	if p.Instance != "i2" || !p.Draining || p.Stores[0] != want {
		t.Errorf("the process is %+v", p)
	}
}

func TestParseMoves(t *testing.T) {
	moves, err := parseMoves([]byte(`{"step":"gate-closed","took":"10µs"}
{"service":"users","from":"i1","to":"i2","epoch":4,"sequence":12,"checksum":"0a","held":3,"holdP50":"1.2ms","holdP99":"2ms","holdMax":"2.5ms","took":"4ms"}
{"step":"gate-closed"}
{"service":"posts","from":"i1","to":"i2","epoch":9,"took":"3ms"}
`))
	if err != nil || len(moves) != 2 {
		t.Fatal(moves, err)
	}
	if m := moves[0]; m.Service != "users" || m.Held != 3 || m.HoldMax != Duration(2500*time.Microsecond) || m.Took != Duration(4*time.Millisecond) {
		t.Errorf("the first move is %+v", m)
	}
	if _, err := parseMoves([]byte("moved\n")); err == nil {
		t.Error("a line that is no JSON was taken")
	}
}

func TestJournal(t *testing.T) {
	data := t.TempDir()
	if events, err := Journal(data, "users"); err != nil || len(events) != 0 {
		t.Errorf("of no file: %v, %v", events, err)
	}
	dir := filepath.Join(data, "users")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("journal.jsonl.1", `{"time":"2026-01-02T03:04:05.6Z","event":"owns","instance":"i1","epoch":1}`+"\n")
	write("journal.jsonl", `{"event":"hands-over","instance":"i1","epoch":1,"to":"i2"}`+"\n"+`{"event":"owns","inst`)
	events, err := Journal(data, "users")
	if err != nil || len(events) != 2 || events[0].Time.Year() != 2026 || events[1].To != "i2" {
		t.Errorf("%+v, %v", events, err)
	}
	write("journal.jsonl", "nonsense\n")
	if _, err := Journal(data, "users"); err == nil {
		t.Error("a line that is no JSON was taken")
	}
}
