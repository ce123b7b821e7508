# ffmpeg: a film of test pictures and a tone is made, transcoded by two threads and taken apart.
# Packages: ffmpeg
# Slow.
ffmpeg -loglevel error -f lavfi -i testsrc=duration=2:size=320x240:rate=15 -f lavfi -i sine=duration=2 -bitexact -threads 2 -c:v mpeg4 -y film.avi
ffmpeg -loglevel error -i film.avi -bitexact -threads 2 -c:v mpeg2video -c:a flac -y film.mkv
ffprobe -loglevel error -show_entries stream=codec_name,nb_read_frames -count_frames -of csv film.mkv
ffmpeg -loglevel error -i film.mkv -vf scale=160:120,hflip -threads 2 -f framemd5 - | tail -n 5
ffmpeg -loglevel error -i film.mkv -ss 1 -frames:v 3 picture-%d.png
ffmpeg -loglevel error -i film.avi -f wav - | md5sum
