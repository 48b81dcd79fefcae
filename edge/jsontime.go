package edge

import (
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	secondsPerDay = 24 * 60 * 60
	// The first second of the year 1 and the last of 9999, between which RFC 3339 can
	// write a time.
	minSeconds = -62135596800
	maxSeconds = 253402300799
)

// appendTimestamp appends a timestamp as RFC 3339 writes it, in UTC, with 0, 3, 6 or 9
// digits of a second's fraction; null if there is none, or RFC 3339 cannot write it.
func appendTimestamp(b []byte, t *timestamppb.Timestamp) []byte {
	seconds, nanos := t.GetSeconds(), t.GetNanos()
	if t == nil || seconds < minSeconds || seconds > maxSeconds || nanos < 0 || nanos > 999_999_999 {
		return append(b, "null"...)
	}
	sinceYear1 := uint64(seconds - minSeconds)
	year, month, day := date(uint32(sinceYear1 / secondsPerDay))
	second := uint32(sinceYear1 % secondsPerDay)

	hour, minute := second/3600, second/60%60
	second %= 60

	// One append is faster than many.
	b = append(b, '"',
		digit(year/1000), digit(year/100), digit(year/10), digit(year), '-',
		digit(month/10), digit(month), '-', digit(day/10), digit(day), 'T',
		digit(hour/10), digit(hour), ':', digit(minute/10), digit(minute), ':', digit(second/10), digit(second))
	if nanos != 0 {
		b = appendFraction(b, uint32(nanos))
	}
	return append(b, 'Z', '"')
}

// appendFraction appends nanos in groups of three digits, as few as hold them.
func appendFraction(b []byte, nanos uint32) []byte {
	b = append(b, '.')
	for divisor := uint32(1_000_000); nanos != 0; divisor /= 1000 {
		group := nanos / divisor
		nanos %= divisor
		b = append(b, digit(group/100), digit(group/10), digit(group))
	}
	return b
}

// digit gives the last decimal digit of n.
func digit(n uint32) byte { return '0' + byte(n%10) }

// date gives the Gregorian date of a day counted from the first of January of year 1.
// The year is taken to begin in March, so that the leap day is its last one, and the
// lengths of its months follow the line 153/5.
func date(days uint32) (year, month, day uint32) {
	const (
		daysPer400Years = 146097
		daysPer100Years = 36524
		daysPer4Years   = 1461
		marchOfYear0    = 306 // from there to January of year 1
	)
	days += marchOfYear0
	era, days := days/daysPer400Years, days%daysPer400Years
	yearOfEra := (days - days/(daysPer4Years-1) + days/daysPer100Years - days/(daysPer400Years-1)) / 365
	dayOfYear := days - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	fromMarch := (5*dayOfYear + 2) / 153
	day = dayOfYear - (153*fromMarch+2)/5 + 1
	year, month = era*400+yearOfEra, fromMarch+3
	if month > 12 {
		year, month = year+1, month-12
	}
	return year, month, day
}
