// The servers of the workloads on tokio, on one thread: see load.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::rc::Rc;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

type Line = Rc<Vec<u8>>;
type Room = Rc<RefCell<HashMap<u64, mpsc::Sender<Line>>>>;
type Rooms = Rc<RefCell<HashMap<Vec<u8>, Room>>>;

async fn echo(mut c: TcpStream) {
    let mut buf = vec![0u8; 4096];
    loop {
        match c.read(&mut buf).await {
            Ok(0) | Err(_) => return,
            Ok(n) => {
                if c.write_all(&buf[..n]).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn chat(c: TcpStream, id: u64, rooms: Rooms) {
    let (input, mut output) = c.into_split();
    let mut input = BufReader::with_capacity(512, input);
    let mut name = Vec::new();
    if input.read_until(b'\n', &mut name).await.unwrap_or(0) == 0 {
        return;
    }
    let room: Room = rooms.borrow_mut().entry(name).or_default().clone();
    let (send, mut lines) = mpsc::channel::<Line>(64);
    let _ = send.try_send(Rc::new(b"welcome\n".to_vec()));
    room.borrow_mut().insert(id, send);
    tokio::task::spawn_local(async move {
        while let Some(line) = lines.recv().await {
            if output.write_all(&line).await.is_err() {
                return;
            }
        }
    });
    loop {
        let mut line = Vec::with_capacity(64);
        if input.read_until(b'\n', &mut line).await.unwrap_or(0) == 0 {
            break;
        }
        let line = Rc::new(line);
        for (other, lines) in room.borrow().iter() {
            if *other != id {
                let _ = lines.try_send(line.clone());
            }
        }
    }
    room.borrow_mut().remove(&id);
}

fn main() {
    let workload = std::env::args().last().unwrap();
    if workload != "echo" && workload != "chat" {
        std::process::exit(3);
    }
    std::thread::spawn(|| {
        let mut all = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut all);
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("port {}", listener.local_addr().unwrap().port());
        std::io::stdout().flush().unwrap();
        let rooms = Rooms::default();
        let mut id = 0;
        loop {
            if let Ok((c, _)) = listener.accept().await {
                id += 1;
                let _ = c.set_nodelay(true); // as the other servers
                if workload == "echo" {
                    tokio::task::spawn_local(echo(c));
                } else {
                    tokio::task::spawn_local(chat(c, id, rooms.clone()));
                }
            }
        }
    });
}
