package serve

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"

	"github.com/splitboard/splitboard/internal/budget"
)

// An answer that nobody reads takes its share of a bounded whole, and gives it back when
// its call ends.
func TestHeldAnswersAreBounded(t *testing.T) {
	t.Parallel()
	h := &heldAnswers{budget.New(maxHeldAnswers)}
	answer := &usersv1.GetUserResponse{User: &usersv1.User{Bio: strings.Repeat("x", 1<<20)}}
	call := func(answer *usersv1.GetUserResponse) (context.Context, error) {
		ctx := h.TagRPC(t.Context(), &stats.RPCTagInfo{})
		_, err := h.unary(ctx, nil, &grpc.UnaryServerInfo{}, func(context.Context, any) (any, error) { return answer, nil })
		return ctx, err
	}
	var held []context.Context
	var refused error
	for range maxHeldAnswers >> 20 {
		ctx, err := call(answer)
		if err != nil {
			refused = err
			break
		}
		held = append(held, ctx)
	}
	if status.Code(refused) != codes.ResourceExhausted || len(held) < maxHeldAnswers>>21 {
		t.Fatalf("after %d answers of 1 MiB: %v", len(held), refused)
	}
	if _, err := call(&usersv1.GetUserResponse{User: &usersv1.User{Bio: "small"}}); err != nil {
		t.Errorf("a small answer is refused: %v", err)
	}
	for _, ctx := range held {
		h.HandleRPC(ctx, &stats.OutPayload{})
		h.HandleRPC(ctx, &stats.End{})
		h.HandleRPC(ctx, &stats.End{}) // gives back once
	}
	if left := h.budget.Left(); left != maxHeldAnswers {
		t.Errorf("%d bytes are left when all calls have ended, want %d", left, maxHeldAnswers)
	}
}
