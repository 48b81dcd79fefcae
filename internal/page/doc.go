// Package page cuts listings into pages, as AIP-158 describes, over rows whose keys end
// in an id.
//
// A page token names the last id of its page, so rows that come and go between two pages
// neither hide nor repeat another. It is signed for its listing: a token that the board
// did not give, or gave for another listing, is an error and never a wrong page.
package page
