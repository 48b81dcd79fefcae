package admin

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/splitboard/splitboard/internal/lease"
	"github.com/splitboard/splitboard/internal/store"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
)

// GetOwner tells who owns a store. It returns ErrNoStore.
func (s *Server) GetOwner(_ context.Context, req *adminv1.GetOwnerRequest) (*adminv1.GetOwnerResponse, error) {
	st, ok := s.stores[req.GetService()]
	if !ok {
		return nil, ErrNoStore
	}
	is := st.Lease.Status()
	return &adminv1.GetOwnerResponse{
		Owning: is.State == lease.StateOwner, Owner: is.Owner, Epoch: int64(is.Epoch), //nolint:gosec // far below 2^63
	}, nil
}

// Handoff moves a store to another process. It returns ErrNoStore or what
// [lease.Lease.HandOff] does.
func (s *Server) Handoff(req *adminv1.HandoffRequest, stream grpc.ServerStreamingServer[adminv1.HandoffResponse]) error {
	st, ok := s.stores[req.GetService()]
	if !ok {
		return ErrNoStore
	}
	began := time.Now()
	return st.Lease.HandOff(stream.Context(), req.GetTo(), req.GetDryRun(), func(step adminv1.HandoffStep, p *store.Position) {
		resp := &adminv1.HandoffResponse{Step: step, Elapsed: durationpb.New(time.Since(began))}
		if p != nil {
			resp.Position = lease.PositionProto(*p)
		}
		// Whether or not somebody still listens, the handoff goes on.
		_ = stream.Send(resp)
	})
}

// CheckTakeover tells whether this process could own a store. It returns ErrNoStore.
func (s *Server) CheckTakeover(_ context.Context, req *adminv1.CheckTakeoverRequest) (*adminv1.CheckTakeoverResponse, error) {
	st, ok := s.stores[req.GetService()]
	if !ok {
		return nil, ErrNoStore
	}
	return &adminv1.CheckTakeoverResponse{Refusal: st.Lease.Refusal(uint32(req.GetMinReader()))}, nil //nolint:gosec // a schema's version is positive
}

// TakeOver makes this process the owner of a store. It returns ErrNoStore or what
// [lease.Lease.TakeOver] does.
func (s *Server) TakeOver(req *adminv1.TakeOverRequest, stream grpc.ServerStreamingServer[adminv1.TakeOverResponse]) error {
	st, ok := s.stores[req.GetService()]
	if !ok {
		return ErrNoStore
	}
	p, err := st.Lease.TakeOver(stream.Context(), req.GetPosition(), func() error {
		return stream.Send(&adminv1.TakeOverResponse{})
	})
	if err != nil {
		return err
	}
	return stream.Send(&adminv1.TakeOverResponse{Owned: lease.PositionProto(p)})
}

// ListHolds lists how long requests were held. It returns ErrNoStore.
func (s *Server) ListHolds(_ context.Context, req *adminv1.ListHoldsRequest) (*adminv1.ListHoldsResponse, error) {
	st, ok := s.stores[req.GetService()]
	if !ok {
		return nil, ErrNoStore
	}
	var since time.Time
	if req.GetStartTime() != nil {
		since = req.GetStartTime().AsTime()
	}
	resp := new(adminv1.ListHoldsResponse)
	for _, d := range st.Lease.Holds(since) {
		resp.Holds = append(resp.Holds, durationpb.New(d))
	}
	return resp, nil
}
