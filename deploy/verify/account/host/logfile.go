package host

import (
	"bytes"
	"context"
	"io"
	"os"
	"time"
)

// logLook is how often a log is read on.
const logLook = 200 * time.Millisecond

// follow writes what a container writes, line by line, to output, from podman's log file
// of it, until ended is closed and all has been read. (`podman logs --follow` wants podman's
// journal of events, which is the whole machine's.)
func follow(ctx context.Context, file string, ended <-chan struct{}, output io.Writer) {
	log, err := os.Open(file)
	if err != nil {
		return // it has ended and is removed
	}
	defer log.Close()
	tick := time.NewTicker(logLook)
	defer tick.Stop()
	var rest []byte
	for over := false; !over; {
		select {
		case <-tick.C:
		case <-ended:
			over = true
		case <-ctx.Done():
			return
		}
		more, err := io.ReadAll(log)
		if err != nil {
			return
		}
		rest = append(rest, more...)
		for {
			line, after, ok := bytes.Cut(rest, []byte("\n"))
			if !ok {
				break
			}
			_, _ = output.Write(message(line)) // a log that cannot be written holds nothing up
			rest = after
		}
	}
}

// message gives what was written of a line in the log: TIME STREAM F TEXT, or P for a piece
// of a line that is not at its end.
func message(line []byte) []byte {
	fields := bytes.SplitN(line, []byte(" "), 4)
	if len(fields) < 4 {
		return nil
	}
	if string(fields[2]) == "P" {
		return fields[3]
	}
	return append(bytes.Clone(fields[3]), '\n')
}
