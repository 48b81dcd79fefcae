package scheduler

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

const (
	// callTimeout is how long a call of the emulator may take.
	callTimeout = 20 * time.Second
	// logEvery is how often lines are sent.
	logEvery = 500 * time.Millisecond
	// tailLines is how many lines of a log are kept for a failure.
	tailLines = 15
)

// A logWriter is the log driver awslogs: each line that a container writes becomes an event
// in the stream PREFIX/CONTAINER/TASK.
type logWriter struct {
	s             *Scheduler
	group, stream string

	mu    sync.Mutex
	rest  []byte // no whole line yet
	lines []types.InputLogEvent
	tail  []string // the last lines, for a failure

	closed chan struct{}
	done   chan struct{}
}

func (s *Scheduler) logOf(t *task) *logWriter {
	options := t.container.LogConfiguration.Options
	return &logWriter{
		s: s, group: options["awslogs-group"], stream: options["awslogs-stream-prefix"] + "/" + aws.ToString(t.container.Name) + "/" + t.id,
		closed: make(chan struct{}), done: make(chan struct{}),
	}
}

// open makes the stream, whose group must be there.
func (w *logWriter) open() error {
	ctx, cancel := context.WithTimeout(w.s.ctx, callTimeout)
	defer cancel()
	_, err := w.s.Logs.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &w.group, LogStreamName: &w.stream})
	if err != nil {
		close(w.done)
		return err
	}
	go w.send()
	return nil
}

// close sends what has not been sent.
func (w *logWriter) close() {
	close(w.closed)
	<-w.done
}

func (w *logWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest = append(w.rest, b...)
	now := time.Now().UnixMilli()
	for {
		line, rest, ok := bytes.Cut(w.rest, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		if len(line) > 0 { // CloudWatch takes no empty ones
			w.tail = append(w.tail[max(0, len(w.tail)-tailLines+1):], string(line))
			w.lines = append(w.lines, types.InputLogEvent{Message: aws.String(string(line)), Timestamp: aws.Int64(now)})
		}
		w.rest = rest
	}
}

func (w *logWriter) send() {
	defer close(w.done)
	tick := time.NewTicker(logEvery)
	defer tick.Stop()
	for over := false; !over; {
		select {
		case <-tick.C:
		case <-w.closed:
			over = true
		}
		w.mu.Lock()
		lines := w.lines
		w.lines = nil
		w.mu.Unlock()
		if len(lines) == 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(w.s.ctx), callTimeout)
		// As the driver does in its non-blocking mode, it goes on without those that are lost.
		_, _ = w.s.Logs.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{LogGroupName: &w.group, LogStreamName: &w.stream, LogEvents: lines})
		cancel()
	}
}
