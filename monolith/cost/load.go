package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A route is one request that is measured.
type route struct {
	name, path, body string
}

// request gives the request's bytes. floor, if not 0, asks the bare server for as many.
func (r route) request(floor int) []byte {
	path := r.path
	if floor != 0 {
		path = "/?" + strconv.Itoa(floor)
	}
	if r.body == "" {
		return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: board\r\n\r\n", path)
	}
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: board\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(r.body), r.body)
}

// drive sends the request over and over from so many connections for so long, and gives
// the number of answers. An answer that is not 2xx ends it with an error.
func drive(ctx context.Context, addr string, request []byte, connections int, d time.Duration) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var answers atomic.Int64
	errs := make([]error, connections)
	var wg sync.WaitGroup
	for i := range connections {
		wg.Go(func() {
			c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
			if err != nil {
				errs[i] = err
				return
			}
			defer c.Close()
			r := bufio.NewReaderSize(c, 64<<10)
			for ctx.Err() == nil {
				if _, errs[i] = exchange(c, r, request); errs[i] != nil {
					return
				}
				answers.Add(1)
			}
		})
	}
	wg.Wait()
	return answers.Load(), errors.Join(errs...)
}

// exchange sends one request and reads its answer to the end, giving the body's length.
func exchange(c net.Conn, r *bufio.Reader, request []byte) (int, error) {
	if _, err := c.Write(request); err != nil {
		return 0, err
	}
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 || line[9] != '2' {
		return 0, fmt.Errorf("answered %q", line)
	}
	length := -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			break
		}
		if name, value, ok := bytes.Cut(line, []byte(": ")); ok && bytes.EqualFold(name, []byte("content-length")) {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, err
			}
		}
	}
	if length < 0 {
		return 0, errors.New("an answer without Content-Length")
	}
	_, err = r.Discard(length)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return length, err
}

// lengthOf asks once and gives the answer's length.
func lengthOf(ctx context.Context, addr string, request []byte) (int, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return exchange(c, bufio.NewReader(c), request)
}
