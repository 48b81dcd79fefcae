package transfer_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/splitboard/splitboard/internal/transfer"
)

// killDir names the data folder of the import that is to be killed.
const killDir = "TRANSFER_KILL_DIR"

// TestMain imports as a process of its own if it is asked to, and waits before the end.
func TestMain(m *testing.M) {
	dir := os.Getenv(killDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	text, err := os.ReadFile("../boardtest/testdata/board.json")
	if err != nil {
		panic(err)
	}
	file := oneByOne{strings.NewReader(string(text))}
	_, err = transfer.Import(context.Background(), "board.json", file, targetsIn(dir), transfer.Options{Progress: func(done, total int64) {
		if done >= total-20 {
			fmt.Println("nearly there")
			select {}
		}
	}})
	panic(err)
}

// A process that is killed while it imports leaves no store, and the next run is not
// hindered by what it does leave.
func TestImportKilled(t *testing.T) {
	b := newBoard(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), killDir+"="+b.dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "nearly there\n" {
		t.Fatal(line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the process ended by itself")
	}
	if got, want := b.files(t), []string{"posts/store.db.import.new", "threads/store.db.import", "users/store.db.import"}; !slices.Equal(got, want) {
		t.Errorf("the killed process left %v, want %v", got, want)
	}
	text := boardJSON(t)
	b.mustLoad(t, text)
	b.check(t)
	if got := b.text(t); got != text {
		t.Errorf("the board holds\n%s", got)
	}
	if got, want := b.files(t), []string{"posts/store.db", "threads/store.db", "users/store.db"}; !slices.Equal(got, want) {
		t.Errorf("the folder has %v", got)
	}
}
