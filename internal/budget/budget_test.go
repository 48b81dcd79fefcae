package budget_test

import (
	"sync"
	"testing"

	"github.com/splitboard/splitboard/internal/budget"
)

func TestBudget(t *testing.T) {
	b := budget.New(10)
	if !b.Take(10) || b.Take(1) || b.Left() != 0 {
		t.Errorf("%d are left of 10 after 10 were taken", b.Left())
	}
	b.Give(4)
	if b.Take(5) || !b.Take(4) || b.Left() != 0 {
		t.Errorf("%d are left of 4 after 4 were taken", b.Left())
	}
}

func TestBudgetIsNeverExceeded(t *testing.T) {
	b := budget.New(100)
	var takers sync.WaitGroup
	for range 16 {
		takers.Go(func() {
			for range 1000 {
				if b.Take(30) {
					if b.Left() > 70 {
						t.Errorf("%d are left of 100 while 30 are taken", b.Left())
					}
					b.Give(30)
				}
			}
		})
	}
	takers.Wait()
	if b.Left() != 100 {
		t.Errorf("%d are left of 100 when all is given back", b.Left())
	}
}
