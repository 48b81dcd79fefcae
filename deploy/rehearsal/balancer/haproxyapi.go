package balancer

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// runtimeAPI is the path of haproxy's socket for commands.
type runtimeAPI string

// runtimeTimeout is how long haproxy may take for a command.
const runtimeTimeout = 5 * time.Second

// ask sends one command and gives the answer.
func (a runtimeAPI) ask(ctx context.Context, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, runtimeTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", string(a))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return strings.TrimSpace(string(answer)), err
}

// do sends a command whose answer is known if all is well.
func (a runtimeAPI) do(ctx context.Context, command, want string) error {
	answer, err := a.ask(ctx, command)
	if err == nil && answer != want {
		err = errors.New(answer)
	}
	if err != nil {
		return fmt.Errorf("haproxy: %s: %w", command, err)
	}
	return nil
}

var newVersion = regexp.MustCompile(`^New version created: (\d+)$`)

// replaceMap replaces all that is in a map by the lines, in one step.
func (a runtimeAPI) replaceMap(ctx context.Context, file, lines string) error {
	answer, err := a.ask(ctx, "prepare map "+file)
	if err != nil {
		return err
	}
	version := newVersion.FindStringSubmatch(answer)
	if version == nil {
		return fmt.Errorf("haproxy: prepare map: %s", answer)
	}
	// What is after << is taken as it is, up to the empty line.
	if err := a.do(ctx, "add map @"+version[1]+" "+file+" <<\n"+lines, ""); err != nil {
		return err
	}
	return a.do(ctx, "commit map @"+version[1]+" "+file, "")
}

// serverStatus is what is asked of haproxy about one of its servers.
type serverStatus struct {
	status   string // UP, DOWN, DRAIN, MAINT, and more words after it
	sessions int    // requests in progress
}

// servers lists the servers by backend/name.
func (a runtimeAPI) servers(ctx context.Context) (map[string]serverStatus, error) {
	answer, err := a.ask(ctx, "show stat -1 4 -1") // of all proxies, servers, all of them
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(answer, "# "))).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, errors.Join(err, errors.New("haproxy: show stat"))
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	all := map[string]serverStatus{}
	for _, row := range rows[1:] {
		sessions, err := strconv.Atoi(row[column["scur"]])
		if err != nil {
			return nil, err
		}
		all[row[column["pxname"]]+"/"+row[column["svname"]]] = serverStatus{row[column["status"]], sessions}
	}
	return all, nil
}
