package posts_test
import ("testing";"os";"time";"github.com/splitboard/splitboard/internal/transfer";"github.com/splitboard/splitboard/services/posts")
func TestZZMeasure(t *testing.T){
 f,err:=os.Open(os.Getenv("BIG")); if err!=nil{t.Fatal(err)}
 os.Remove("/tmp/tr/m/store.db")
 t0:=time.Now()
 res,err:=transfer.Import(t.Context(),"big.json",f,[]transfer.Target{{Table:posts.Table(),Schema:posts.Schema,Path:"/tmp/tr/m/store.db"}},transfer.Options{})
 t.Log(res,err,time.Since(t0))
}
