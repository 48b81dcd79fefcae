package boardtest

// readCases are run against the sample board and change nothing, not even the
// tags of its lists.
func readCases() map[string][]restCase {
	return map[string][]restCase{
		"routes":      routeCases,
		"ids":         idCases(),
		"paging":      pagingCases,
		"conditional": readConditionCases,
		"headers":     headerCases(),
		"refused":     refusedCases(),
	}
}

// writeCases are run against the board that is written to.
func writeCases() map[string][]restCase {
	return map[string][]restCase{
		"create":      createCases,
		"update":      updateCases,
		"delete":      deleteCases,
		"bodies":      bodyCases(),
		"media":       mediaCases,
		"limits":      limitCases(),
		"match":       writeConditionCases,
		"idempotency": idempotencyCases,
		"bad keys":    badKeyCases(),
	}
}
