package report

// spread moves points, given in order, as little as it can so that neighbours are at
// least apart from each other and all are between low and high. Where there is no room
// for that, they share what there is.
func spread(points []float64, apart, low, high float64) []float64 {
	n := len(points)
	if n == 0 {
		return nil
	}
	if n > 1 {
		apart = min(apart, (high-low)/float64(n-1))
	}
	// Points that push each other are a block: they stand side by side, around the mean
	// of where each would have the block begin. Blocks that meet become one.
	type block struct {
		sum   float64 // of the begins that its points wish for
		size  int
		begin float64
	}
	place := func(b block) block {
		b.begin = min(max(b.sum/float64(b.size), low), high-apart*float64(b.size-1))
		return b
	}
	var blocks []block
	for _, p := range points {
		b := place(block{sum: p, size: 1})
		for len(blocks) > 0 {
			last := blocks[len(blocks)-1]
			if last.begin+apart*float64(last.size) <= b.begin {
				break
			}
			b = place(block{sum: last.sum + b.sum - apart*float64(last.size*b.size), size: last.size + b.size})
			blocks = blocks[:len(blocks)-1]
		}
		blocks = append(blocks, b)
	}
	placed := make([]float64, 0, n)
	for _, b := range blocks {
		for i := range b.size {
			placed = append(placed, b.begin+apart*float64(i))
		}
	}
	return placed
}
