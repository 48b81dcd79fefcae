package transfer

// An idSet holds ids. Ids that were given one after another take a quarter of a byte
// each, the worst that can be made up about 40 bytes.
type idSet map[int64]uint64

// add puts id in the set, and returns false if it is there already.
func (s idSet) add(id int64) bool {
	word, bit := id>>6, uint64(1)<<(id&63)
	if s[word]&bit != 0 {
		return false
	}
	s[word] |= bit
	return true
}

func (s idSet) has(id int64) bool { return s[id>>6]&(1<<(id&63)) != 0 }
