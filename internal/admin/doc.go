// Package admin is what an operator asks of a running process: splitboard.admin.v1,
// served on the unix sockets in the data folder and never on a network port, and the
// client that the subcommands use.
package admin
