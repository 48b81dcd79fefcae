package inproc

import (
	"errors"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// stream is one call as its handler sees it: it gives the request and takes the
// response's headers and trailers.
type stream struct {
	method  string
	request any

	mu              sync.Mutex
	header, trailer metadata.MD
	headerSent      bool
}

var _ grpc.ServerTransportStream = (*stream)(nil)

var errHeaderSent = errors.New("inproc: the header has been sent already")

// receive is the decoder that a generated handler fills its request with.
func (s *stream) receive(into any) error { return handOver(into, s.request) }

// Method gives the call's full method name.
func (s *stream) Method() string { return s.method }

// SetHeader adds to the header that the caller gets.
func (s *stream) SetHeader(md metadata.MD) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.headerSent {
		return errHeaderSent
	}
	s.header = metadata.Join(s.header, md)
	return nil
}

// SendHeader adds to the header and closes it.
func (s *stream) SendHeader(md metadata.MD) error {
	if err := s.SetHeader(md); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.headerSent = true
	return nil
}

// SetTrailer adds to the trailer that the caller gets.
func (s *stream) SetTrailer(md metadata.MD) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trailer = metadata.Join(s.trailer, md)
	return nil
}

func (s *stream) sentHeader() metadata.MD {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.header
}

func (s *stream) sentTrailer() metadata.MD {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trailer
}
